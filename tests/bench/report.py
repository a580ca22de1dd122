# SPDX-License-Identifier: GPL-2.0
"""Samples of a benchmark, and how they are shown.

A sample is one number: (work, path, metric, unit, value). Pairs within one
repetition are steadier than absolute figures, because the machine is noisy; so
ratios are taken within a repetition, and their median is shown.
"""

import json
import pathlib
import statistics
import subprocess


class Samples:
    def __init__(self):
        self.values = {}    # (work, path, metric) -> one value a repetition
        self.units = {}     # metric -> unit

    def add(self, work, path, metric, unit, value):
        self.values.setdefault((work, path, metric), []).append(value)
        self.units[metric] = unit

    def rows(self):
        """What the JSON files hold."""
        return [{"work": work, "path": path, "metric": metric,
                 "unit": self.units[metric],
                 "median": statistics.median(values), "min": min(values),
                 "max": max(values), "runs": len(values)}
                for (work, path, metric), values in self.values.items()]

    def works(self, metric):
        return list(dict.fromkeys(w for w, _, m in self.values if m == metric))

    def paths(self, metric):
        return list(dict.fromkeys(p for _, p, m in self.values if m == metric))

    def median(self, work, path, metric):
        values = self.values.get((work, path, metric))
        return statistics.median(values) if values else None

    def ratio(self, work, path, base, metric):
        """The median of path ÷ base within each repetition, or None."""
        pairs = list(zip(self.values.get((work, path, metric), []),
                         self.values.get((work, base, metric), [])))
        good = [a / b for a, b in pairs if b]
        return statistics.median(good) if good else None


def number(value):
    if value is None:
        return "-"
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def table(samples, metric, base):
    """Lines of text: medians with their spread, and ratios to the base."""
    paths = samples.paths(metric)
    head = f"{metric} ({samples.units[metric]})"
    lines = [f"{head:28}" + "".join(f"{p:>24}" for p in paths) +
             "".join(f"{p + '/' + base:>22}" for p in paths if p != base)]
    for work in samples.works(metric):
        line = f"{work:28}"
        for path in paths:
            values = samples.values.get((work, path, metric))
            text = "-"
            if values:
                text = (f"{number(statistics.median(values))} "
                        f"({number(min(values))}–{number(max(values))})")
            line += f"{text:>24}"
        for path in paths:
            if path != base:
                ratio = samples.ratio(work, path, base, metric)
                line += f"{number(ratio):>22}"
        lines.append(line)
    return lines


def bars(samples, metric, title, png):
    """A PNG of medians, with their spread, by gnuplot."""
    paths, works = samples.paths(metric), samples.works(metric)
    data = png.with_suffix(".dat")
    with open(data, "w") as out:
        for path in paths:
            columns = []
            for work in works:
                values = samples.values.get((work, path, metric))
                columns += ["?"] * 3 if not values else [
                    statistics.median(values), min(values), max(values)]
            print(path.replace(" ", "_"), *columns, file=out)
    plots = ", ".join(
        f"'{data}' using {3 * i + 2}:{3 * i + 3}:{3 * i + 4}:xtic(1) "
        f"title '{work}'" for i, work in enumerate(works))
    script = f"""
        set terminal pngcairo size 1000,500
        set output '{png}'
        set title "{title}" noenhanced
        set style data histogram
        set style histogram errorbars gap 1
        set style fill solid 0.8 border -1
        set datafile missing '?'
        set ylabel '{samples.units[metric]} (lower is better)'
        set yrange [0:*]
        set grid ytics
        set xtics noenhanced
        set key noenhanced top left
        plot {plots}
        """
    subprocess.run(["gnuplot"], input=script, text=True, check=True)


def chart(samples, metric, base, title, png):
    """A PNG of the ratios to the base, by gnuplot."""
    paths = [p for p in samples.paths(metric) if p != base]
    works = samples.works(metric)
    data = png.with_suffix(".dat")
    with open(data, "w") as out:
        print("work", *(p.replace(" ", "_") for p in paths), file=out)
        for work in works:
            ratios = [samples.ratio(work, p, base, metric) for p in paths]
            print(work.replace(" ", "_"),
                  *("?" if r is None else f"{r:.4f}" for r in ratios),
                  file=out)
    plots = ", ".join(f"'{data}' using {i + 2}:xtic(1) title columnheader"
                      for i in range(len(paths)))
    script = f"""
        set terminal pngcairo size 1200,600
        set output '{png}'
        set title "{title}" noenhanced
        set style data histogram
        set style histogram cluster gap 1
        set style fill solid 0.8 border -1
        set datafile missing '?'
        set ylabel 'of {base} (higher is better)'
        set yrange [0:*]
        set grid ytics
        set xtics rotate by -30 noenhanced
        set key noenhanced top right
        plot {plots}, 1 with lines dashtype 2 title '{base}'
        """
    subprocess.run(["gnuplot"], input=script, text=True, check=True)


def save(rows, path):
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows, indent=1) + "\n")
