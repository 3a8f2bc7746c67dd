// SPDX-License-Identifier: Apache-2.0
/*
 * Breaks lines.  What is not ASCII is counted as it is shown: characters of
 * East Asia take two columns, and what joins others is counted as if it did
 * not, so that no line is ever too long.
 */
#include <config.h>

#include "controller/cli/page.h"

#include <stdlib.h>
#include <string.h>

#include "controller/cli/report.h"
#include "controller/config/utf8.h"
#include "proto/cleanup.h"

#define LONG_INDENT 4 /* of what is too long for where it should stand */

/**
 * cli_page_init() - begin a page
 */
void cli_page_init(struct cli_page *page, FILE *out)
{
	*page = (struct cli_page){
		.out = out,
		.colour = cli_colour(out),
		.utf8 = cli_locale_is_utf8(),
		.fresh = true,
	};
}

/**
 * cli_page_end() - end a line
 */
void cli_page_end(struct cli_page *page)
{
	fputc('\n', page->out);
	page->column = 0;
	page->fresh = true;
}

/**
 * cli_page_tab() - go to a column
 */
void cli_page_tab(struct cli_page *page, int column)
{
	/* No word stands at once behind another. */
	if (page->column > column || (page->column == column && !page->fresh))
		cli_page_end(page);
	fprintf(page->out, "%*s", column - page->column, "");
	page->column = column;
	page->fresh = true;
}

/* One character of text that cli_escape() has made. */
static size_t next(const char *at, int *columns)
{
	uint32_t code;
	size_t len;

	*columns = 1;
	if ((unsigned char)*at < 0x80)
		return 1;
	len = cfg_utf8_get(at, &code);
	*columns = code >= 0x1100 ? 2 : 1;
	return len;
}

static int width(const char *text, size_t bytes)
{
	int sum = 0, columns;

	for (size_t at = 0; at < bytes && text[at];) {
		at += next(text + at, &columns);
		sum += columns;
	}
	return sum;
}

/**
 * cli_page_width() - the columns that a text takes
 */
int cli_page_width(const struct cli_page *page, const char *text)
{
	auto_free char *safe = cli_escape(text, page->utf8);

	return safe ? width(safe, strlen(safe)) : 0;
}

/* A word that no line holds is cut where the line ends. */
static void put_word(struct cli_page *page, const char *word, size_t bytes)
{
	int columns;

	for (size_t at = 0; at < bytes;) {
		size_t len = next(word + at, &columns);

		if (page->column + columns > CLI_PAGE_COLUMNS) {
			cli_page_end(page);
			cli_page_tab(page, LONG_INDENT);
		}
		fwrite(word + at, 1, len, page->out);
		page->column += columns;
		at += len;
	}
	page->fresh = false;
}

/* To where a word can stand as a whole, if there is such a place. */
static void make_room(struct cli_page *page, int indent, int columns,
		      bool blank)
{
	int used = page->column + (blank && !page->fresh);

	if (used + columns <= CLI_PAGE_COLUMNS) {
		if (blank && !page->fresh) {
			fputc(' ', page->out);
			page->column++;
		}
		return;
	}
	if (page->fresh && page->column == LONG_INDENT)
		return;
	if (columns > CLI_PAGE_COLUMNS - indent)
		indent = LONG_INDENT;
	cli_page_end(page);
	cli_page_tab(page, indent);
}

/**
 * cli_page_flow() - words, from where the page is
 * @indent: of the lines that follow
 *
 * A blank in front stands between this and what was before it.
 */
void cli_page_flow(struct cli_page *page, int indent, enum cli_style style,
		   const char *text)
{
	static const char *const codes[] = { "", "\033[1m", "\033[2m",
					     "\033[32m", "\033[31m" };
	auto_free char *safe = cli_escape(text, page->utf8);
	const char *at = safe ? safe : "";

	if (page->colour && style != CLI_STYLE_PLAIN)
		fputs(codes[style], page->out);
	while (*at) {
		size_t blanks = strspn(at, " ");
		size_t bytes = strcspn(at + blanks, " ");

		at += blanks;
		if (bytes == 0)
			break;
		make_room(page, indent, width(at, bytes), blanks > 0);
		put_word(page, at, bytes);
		at += bytes;
	}
	if (page->colour && style != CLI_STYLE_PLAIN)
		fputs("\033[0m", page->out);
}
