/* SPDX-License-Identifier: GPL-2.0 */
/*
 * table.h - columns of text for people.
 *
 * Columns are as wide as their longest cell, two blanks apart, without blanks at
 * the line's end. Cells may come from a guest: control characters are shown as '?',
 * so that no terminal obeys them.
 */
#ifndef TOOLS_TABLE_H
#define TOOLS_TABLE_H

#include <stddef.h>
#include <stdio.h>

#define TABLE_COLUMNS_MAX 20u
#define TABLE_CELL_MAX 512u /* bytes; longer ones are cut */

enum table_align { TABLE_LEFT, TABLE_RIGHT };

struct table_column {
	const char *title;
	enum table_align align;
};

struct table {
	const struct table_column *column;
	size_t nr_columns;
	char **cell; /* row by row */
	size_t nr_cells, room;
};

/**
 * table_init - an empty table
 * @table: initialised
 * @column: its columns, at most TABLE_COLUMNS_MAX; must outlive @table
 * @nr_columns: elements of @column
 */
void table_init(struct table *table, const struct table_column *column,
		size_t nr_columns);

/** table_add - append a cell's text, as printf(); rows fill from the left. */
void table_add(struct table *table, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * table_print - write title and rows
 * @table: a last row that is not complete is left out
 * @to: where to
 */
void table_print(const struct table *table, FILE *to);

/** table_dispose - free the cells; safe on what is zeroed or initialised. */
void table_dispose(struct table *table);

/** table_width - places that a text takes: UTF-8 sequences count one. */
size_t table_width(const char *text);

#endif /* TOOLS_TABLE_H */
