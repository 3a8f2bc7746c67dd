/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text for people, in at most 80 columns.
 */
#ifndef CONTROLLER_CLI_PAGE_H
#define CONTROLLER_CLI_PAGE_H

#include <stdbool.h>
#include <stdio.h>

#define CLI_PAGE_COLUMNS 80

struct cli_page {
	FILE *out; /* borrowed */
	bool colour;
	bool utf8;
	int column; /* where the next character goes, from 0 */
	bool fresh; /* no blank is due before the next word */
};

enum cli_style {
	CLI_STYLE_PLAIN = 0,
	CLI_STYLE_BOLD,
	CLI_STYLE_DIM,
	CLI_STYLE_GOOD,
	CLI_STYLE_BAD,
};

void cli_page_init(struct cli_page *page, FILE *out);
/* Blanks up to a column; a new line where that is passed, or taken. */
void cli_page_tab(struct cli_page *page, int column);
void cli_page_end(struct cli_page *page);
/* Words, where they fit; further lines begin at @indent.  Text from elsewhere
 * is escaped. */
void cli_page_flow(struct cli_page *page, int indent, enum cli_style style,
		   const char *text);
/* The columns that a text takes. */
int cli_page_width(const struct cli_page *page, const char *text);

#endif
