/* SPDX-License-Identifier: GPL-2.0 */
#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"

#define GAP 2 /* blanks between columns */

void table_init(struct table *table, const struct table_column *column,
		size_t nr_columns)
{
	assert(nr_columns > 0 && nr_columns <= TABLE_COLUMNS_MAX);
	memset(table, 0, sizeof(*table));
	table->column = column;
	table->nr_columns = nr_columns;
}

size_t table_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

static void tame(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

/* A tool that runs out of memory over a table has nothing better to do. */
static void *must(void *p)
{
	if (p)
		return p;
	fputs("vtoectl: out of memory\n", stderr);
	exit(EXIT_FAILURE);
}

void table_add(struct table *table, const char *format, ...)
{
	char text[TABLE_CELL_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	tame(text);
	if (table->nr_cells == table->room) {
		table->room = table->room ? table->room * 2 : 64;
		table->cell = must(realloc(table->cell, table->room *
						   sizeof(*table->cell)));
	}
	table->cell[table->nr_cells++] = must(strdup(text));
}

static void blanks(size_t n, FILE *to)
{
	while (n--)
		fputc(' ', to);
}

/* Print a row; blanks at its end are left out. */
static void print_row(const struct table *table, char *const *cell,
		      const size_t *width, FILE *to)
{
	size_t owed = 0, c;

	for (c = 0; c < table->nr_columns; c++) {
		size_t pad = width[c] - table_width(cell[c]);

		if (table->column[c].align == TABLE_RIGHT)
			owed += pad;
		if (*cell[c]) {
			blanks(owed, to);
			fputs(cell[c], to);
			owed = 0;
		}
		if (table->column[c].align == TABLE_LEFT)
			owed += pad;
		owed += GAP;
	}
	fputc('\n', to);
}

void table_print(const struct table *table, FILE *to)
{
	size_t rows = table->nr_cells / table->nr_columns;
	size_t width[TABLE_COLUMNS_MAX] = { 0 }, r, c, w;
	char *title[TABLE_COLUMNS_MAX] = { NULL };

	for (c = 0; c < table->nr_columns; c++) {
		title[c] = (char *)table->column[c].title;
		width[c] = table_width(title[c]);
		for (r = 0; r < rows; r++) {
			w = table_width(table->cell[r * table->nr_columns + c]);
			width[c] = w > width[c] ? w : width[c];
		}
	}
	print_row(table, title, width, to);
	for (r = 0; r < rows; r++)
		print_row(table, table->cell + r * table->nr_columns, width,
			  to);
}

void table_dispose(struct table *table)
{
	size_t i;

	for (i = 0; i < table->nr_cells; i++)
		free(table->cell[i]);
	free(table->cell);
	table->cell = NULL;
	table->nr_cells = table->room = 0;
}
