/* SPDX-License-Identifier: GPL-2.0 */
#include <string.h>

#include "unit.h"
#include "../../tools/format.h"
#include "../../tools/table.h"

static const struct table_column column[] = {
	{ "NAME", TABLE_LEFT },
	{ "N", TABLE_RIGHT },
	{ "NOTE", TABLE_LEFT },
};

static struct table table;

static void setup(void)
{
	table_init(&table, column, 3);
}

static void row(const char *name, int n, const char *text)
{
	table_add(&table, "%s", name);
	table_add(&table, "%d", n);
	table_add(&table, "%s", text);
}

static void check_prints(const char *expected)
{
	char *text;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	table_print(&table, f);
	fclose(f);
	ck_assert_str_eq(text, expected);
	free(text);
	table_dispose(&table);
}

START_TEST(columns_are_as_wide_as_their_longest_cell)
{
	setup();
	row("a", 1, "x");
	row("longer", 12345, "yy");
	check_prints("NAME        N  NOTE\n"
		     "a           1  x\n"
		     "longer  12345  yy\n");
}
END_TEST

START_TEST(no_line_ends_with_blanks)
{
	setup();
	row("a", 1, "");
	row("", 2, "");
	check_prints("NAME  N  NOTE\n"
		     "a     1\n"
		     "      2\n");
}
END_TEST

START_TEST(an_empty_table_has_its_title)
{
	setup();
	check_prints("NAME  N  NOTE\n");
}
END_TEST

START_TEST(a_row_that_is_not_complete_is_left_out)
{
	setup();
	row("a", 1, "x");
	table_add(&table, "b");
	check_prints("NAME  N  NOTE\n"
		     "a     1  x\n");
}
END_TEST

START_TEST(terminals_see_no_control_characters)
{
	setup();
	row("a\033[2Jb\n", 1, "\x7f");
	check_prints("NAME     N  NOTE\n"
		     "a?[2Jb?  1  ?\n");
}
END_TEST

START_TEST(utf8_counts_by_characters)
{
	ck_assert_uint_eq(table_width("gästé"), 5);
	setup();
	row("gäst", 1, "x");
	check_prints("NAME  N  NOTE\n"
		     "gäst  1  x\n");
}
END_TEST

START_TEST(long_cells_are_cut)
{
	static char text[2 * TABLE_CELL_MAX];

	memset(text, 'x', sizeof(text) - 1);
	setup();
	row(text, 1, "");
	ck_assert_uint_eq(strlen(table.cell[0]), TABLE_CELL_MAX - 1);
	table_dispose(&table);
}
END_TEST

START_TEST(a_table_grows)
{
	int i;

	setup();
	for (i = 0; i < 1000; i++)
		row("r", i, "");
	ck_assert_uint_eq(table.nr_cells, 3000);
	ck_assert_str_eq(table.cell[2998], "999");
	table_dispose(&table);
	table_dispose(&table);
}
END_TEST

static const char *per_mb(uint64_t count, uint64_t bytes)
{
	static char text[FORMAT_MAX];

	format_per_mb(text, count, bytes);
	return text;
}

START_TEST(rates_have_three_digits_that_count)
{
	ck_assert_str_eq(per_mb(5, 0), "-");
	ck_assert_str_eq(per_mb(0, 1000000), "0.00");
	ck_assert_str_eq(per_mb(1, 1000000000), "<0.01");
	ck_assert_str_eq(per_mb(3, 2000000), "1.50");
	ck_assert_str_eq(per_mb(31, 2000000), "15.5");
	ck_assert_str_eq(per_mb(1234, 1000000), "1234");
	ck_assert_str_eq(per_mb(UINT64_MAX, 1), "18446744073709551616000000");
}
END_TEST

static const char *bytes(uint64_t n)
{
	static char text[FORMAT_MAX];

	format_bytes(text, n);
	return text;
}

START_TEST(bytes_have_a_unit)
{
	ck_assert_str_eq(bytes(0), "0 B");
	ck_assert_str_eq(bytes(999), "999 B");
	ck_assert_str_eq(bytes(1000), "1.00 kB");
	ck_assert_str_eq(bytes(200000000), "200 MB");
	ck_assert_str_eq(bytes(999900), "1.00 MB");
	ck_assert_str_eq(bytes(12345678901ull), "12.3 GB");
	ck_assert_str_eq(bytes(5000000000000000ull), "5000 TB");
}
END_TEST

static const char *age(double seconds)
{
	static char text[FORMAT_MAX];

	format_age(text, seconds);
	return text;
}

START_TEST(ages_are_short)
{
	ck_assert_str_eq(age(0), "0s");
	ck_assert_str_eq(age(119.9), "119s");
	ck_assert_str_eq(age(120), "2m");
	ck_assert_str_eq(age(7200), "2h");
	ck_assert_str_eq(age(48 * 3600), "2d");
	ck_assert_str_eq(age(1e9), "11574d");
	ck_assert_str_eq(age(-1), "-");
	ck_assert_str_eq(age(0.0 / 0.0), "-");
	ck_assert_str_eq(age(1e300), "-");
}
END_TEST

UNIT_MAIN("table", columns_are_as_wide_as_their_longest_cell,
	  no_line_ends_with_blanks, an_empty_table_has_its_title,
	  a_row_that_is_not_complete_is_left_out,
	  terminals_see_no_control_characters, utf8_counts_by_characters,
	  long_cells_are_cut, a_table_grows,
	  rates_have_three_digits_that_count, bytes_have_a_unit,
	  ages_are_short)
