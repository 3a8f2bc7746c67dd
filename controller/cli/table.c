// SPDX-License-Identifier: Apache-2.0
/*
 * Tables for people.  No locale is loaded: how wide a character is comes from
 * a short list, which is right for the scripts that names are written in.
 */
#include <config.h>

#include "controller/cli/table.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "controller/cli/report.h"
#include "proto/cleanup.h"

#define GAP 2 /* between columns */

/* What is drawn over the character before it, or twice as wide. */
static const struct {
	uint32_t first;
	uint32_t last;
	size_t width;
} odd[] = {
	{ 0x0300, 0x036f, 0 },	 { 0x0483, 0x0489, 0 },
	{ 0x0591, 0x05bd, 0 },	 { 0x0610, 0x061a, 0 },
	{ 0x064b, 0x065f, 0 },	 { 0x0e34, 0x0e3a, 0 },
	{ 0x0e47, 0x0e4e, 0 },	 { 0x1100, 0x115f, 2 },
	{ 0x20d0, 0x20ff, 0 },	 { 0x2e80, 0x303e, 2 },
	{ 0x3041, 0x33ff, 2 },	 { 0x3400, 0x4dbf, 2 },
	{ 0x4e00, 0xa4cf, 2 },	 { 0xa960, 0xa97f, 2 },
	{ 0xac00, 0xd7a3, 2 },	 { 0xf900, 0xfaff, 2 },
	{ 0xfe00, 0xfe0f, 0 },	 { 0xfe20, 0xfe2f, 0 },
	{ 0xfe30, 0xfe6f, 2 },	 { 0xff00, 0xff60, 2 },
	{ 0xffe0, 0xffe6, 2 },	 { 0x1f300, 0x1f64f, 2 },
	{ 0x1f680, 0x1f6ff, 2 }, { 0x1f900, 0x1faff, 2 },
	{ 0x20000, 0x3fffd, 2 }, { 0xe0100, 0xe01ef, 0 },
};

/* One character of text that cli_escape() has passed. */
static size_t take(const char **text, size_t *width)
{
	const unsigned char *at = (const unsigned char *)*text;
	size_t len = 1;
	uint32_t code = at[0];

	if (at[0] >= 0xc0) {
		code &= at[0] >= 0xf0 ? 0x07 : at[0] >= 0xe0 ? 0x0f : 0x1f;
		for (; len < 4 && (at[len] & 0xc0) == 0x80; len++)
			code = code << 6 | (at[len] & 0x3fU);
	}
	*width = 1;
	for (size_t i = 0; code >= 0x300 && i < sizeof(odd) / sizeof(odd[0]);
	     i++)
		if (code >= odd[i].first && code <= odd[i].last)
			*width = odd[i].width;
	*text += len;
	return len;
}

/**
 * cli_text_width() - how many places a text takes on a terminal
 */
size_t cli_text_width(const char *text)
{
	size_t total = 0;
	size_t width;

	while (*text) {
		(void)take(&text, &width);
		total += width;
	}
	return total;
}

/**
 * cli_text_fit() - how many bytes of a text fit into so many places
 */
size_t cli_text_fit(const char *text, size_t width)
{
	const char *start = text;
	size_t used = 0;
	size_t next;

	while (*text) {
		const char *before = text;

		(void)take(&text, &next);
		used += next;
		if (used > width)
			return (size_t)(before - start);
	}
	return (size_t)(text - start);
}

/**
 * cli_screen_width() - columns of standard output's terminal
 *
 * Return: SIZE_MAX where it is none, or does not say.
 */
size_t cli_screen_width(void)
{
	struct winsize size = { 0 };

	if (!isatty(STDOUT_FILENO) ||
	    ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col < 20)
		return SIZE_MAX;
	return size.ws_col;
}

/**
 * cli_text_age() - seconds as "90s", "45m", "36h" or "3d"
 *
 * Return: @text.
 */
const char *cli_text_age(uint64_t seconds, char *text, size_t size)
{
	if (seconds < 120)
		(void)snprintf(text, size, "%" PRIu64 "s", seconds);
	else if (seconds < 7200)
		(void)snprintf(text, size, "%" PRIu64 "m", seconds / 60);
	else if (seconds < 172800)
		(void)snprintf(text, size, "%" PRIu64 "h", seconds / 3600);
	else
		(void)snprintf(text, size, "%" PRIu64 "d", seconds / 86400);
	return text;
}

/**
 * cli_text_size() - bytes as "1.5K"; powers of 1024, as sizes are written
 *
 * Return: @text.
 */
const char *cli_text_size(uint64_t bytes, char *text, size_t size)
{
	static const char units[] = "BKMGTP";
	uint64_t tenths = bytes * 10;
	size_t unit = 0;

	if (bytes > UINT64_MAX / 10)
		tenths = UINT64_MAX;
	while (tenths >= 10240 && units[unit + 1]) {
		tenths /= 1024;
		unit++;
	}
	if (unit == 0 || tenths >= 1000)
		(void)snprintf(text, size, "%" PRIu64 "%c", tenths / 10,
			       units[unit]);
	else
		(void)snprintf(text, size, "%" PRIu64 ".%" PRIu64 "%c",
			       tenths / 10, tenths % 10, units[unit]);
	return text;
}

static int add_cell(struct cli_table *table, const char *text)
{
	char **grown;

	if (table->n_cells == table->room) {
		size_t room = table->room ? 2 * table->room : 64;

		grown = realloc(table->cells, room * sizeof(*grown));
		if (!grown)
			return -1;
		table->cells = grown;
		table->room = room;
	}
	table->cells[table->n_cells] = cli_escape(text, cli_locale_is_utf8());
	return table->cells[table->n_cells++] ? 0 : -1;
}

/**
 * cli_table_add() - the next cell
 * @text: escaped here
 *
 * Return: 0, or -1 where there is no memory.
 */
int cli_table_add(struct cli_table *table, const char *text)
{
	for (size_t i = 0; table->n_cells < table->n_columns; i++)
		if (add_cell(table, table->columns[i].title) < 0)
			return -1;
	return add_cell(table, text && *text ? text : "-");
}

/* As wide as its widest cell. */
static size_t column_width(const struct cli_table *table, size_t column)
{
	size_t widest = 0;

	for (size_t i = column; i < table->n_cells; i += table->n_columns) {
		size_t width = cli_text_width(table->cells[i]);

		if (width > widest)
			widest = width;
	}
	return widest;
}

/* Takes from the widest of those that can be cut, until all fit. */
static void fit(const struct cli_table *table, size_t *widths, size_t screen)
{
	size_t total = 0;

	for (size_t i = 0; i < table->n_columns; i++)
		total += widths[i] + (i ? GAP : 0);
	while (total > screen) {
		size_t widest = CLI_TABLE_MAX_COLUMNS;

		for (size_t i = 0; i < table->n_columns; i++)
			if (table->columns[i].least &&
			    widths[i] > table->columns[i].least &&
			    (widest == CLI_TABLE_MAX_COLUMNS ||
			     widths[i] > widths[widest]))
				widest = i;
		if (widest == CLI_TABLE_MAX_COLUMNS)
			return;
		widths[widest]--;
		total--;
	}
}

static void print_cell(const char *text, size_t width, bool last)
{
	size_t needs = cli_text_width(text);
	size_t len = strlen(text);

	if (needs > width) {
		/* The mark of what was cut stands in the last place. */
		len = cli_text_fit(text, width - 1);
		printf("%.*s~", (int)len, text);
		needs = width;
	} else {
		fwrite(text, 1, len, stdout);
	}
	if (!last)
		printf("%*s", (int)(width - needs) + GAP, "");
}

/**
 * cli_table_print() - all rows, below their titles
 */
void cli_table_print(const struct cli_table *table)
{
	size_t widths[CLI_TABLE_MAX_COLUMNS];

	for (size_t i = 0; i < table->n_columns; i++)
		widths[i] = column_width(table, i);
	fit(table, widths, cli_screen_width());
	for (size_t i = 0; i < table->n_cells; i++) {
		size_t column = i % table->n_columns;
		bool last = column + 1 == table->n_columns;

		print_cell(table->cells[i], widths[column], last);
		if (last)
			putchar('\n');
	}
}

/**
 * cli_table_fini() - release; idempotent
 */
void cli_table_fini(struct cli_table *table)
{
	for (size_t i = 0; i < table->n_cells; i++)
		free(table->cells[i]);
	ptr_free(&table->cells);
	table->n_cells = 0;
	table->room = 0;
}
