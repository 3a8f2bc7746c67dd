/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables for people: columns as wide as what is in them, and on a terminal no
 * wider than that.
 */
#ifndef CONTROLLER_CLI_TABLE_H
#define CONTROLLER_CLI_TABLE_H

#include <stddef.h>
#include <stdint.h>

#define CLI_TABLE_MAX_COLUMNS 16

struct cli_column {
	const char *title;
	unsigned int least; /* may be cut down to so many places; 0: never */
};

struct cli_table {
	const struct cli_column *columns; /* borrowed */
	size_t n_columns;
	char **cells; /* owned, and each; row by row, the titles first */
	size_t n_cells;
	size_t room;
};

/* Cells are added from left to right; NULL and "" are shown as "-". */
int cli_table_add(struct cli_table *table, const char *text);
/* To standard output; nothing where there is no row. */
void cli_table_print(const struct cli_table *table);
void cli_table_fini(struct cli_table *table);

/* Places on a terminal; UTF-8 that has been escaped. */
size_t cli_text_width(const char *text);
/* How much of it fits into so many places, in bytes. */
size_t cli_text_fit(const char *text, size_t width);
/* Of standard output; SIZE_MAX where it is no terminal. */
size_t cli_screen_width(void);

const char *cli_text_age(uint64_t seconds, char *text, size_t size);
const char *cli_text_size(uint64_t bytes, char *text, size_t size);

#endif
