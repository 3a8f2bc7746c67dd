// SPDX-License-Identifier: Apache-2.0
/*
 * Build-time: creel-tools(7) from its frame, with what each tool is for and its
 * arguments made from the tables.  A tool that the frame forgets is an error.
 *
 *     gen-manual FRAME
 */
#include <config.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/tools/tools.h"

static const char mark[] = "@TOOL ";

/* Text as mdoc(7) has it; a sentence begins on a line of its own. */
static void put_text(const char *text)
{
	bool first = true;

	for (const char *at = text; *at; at++) {
		if (first && (*at == '.' || *at == '\''))
			fputs("\\&", stdout);
		first = false;
		if (*at == '\\') {
			fputs("\\e", stdout);
		} else if (*at == '~') {
			fputs("\\(ti", stdout);
		} else if (*at == '\n') {
			putchar(' ');
		} else if (*at == '.' && at[1] == ' ' &&
			   isupper((unsigned char)at[2])) {
			fputs(".\n", stdout);
			at++;
			first = true;
		} else {
			putchar(*at);
		}
	}
	putchar('\n');
}

static void put_kind(const struct tool_param *param)
{
	static const char *const kinds[] = {
		[TOOL_KIND_STRING] = "Text",
		[TOOL_KIND_INTEGER] = "A whole number",
		[TOOL_KIND_NUMBER] = "A number",
		[TOOL_KIND_BOOLEAN] = "True or false",
		[TOOL_KIND_STRINGS] = "An array of texts",
		[TOOL_KIND_MAP] = "An object of texts",
	};
	const bool text = param->kind == TOOL_KIND_STRING;

	fputs(kinds[param->kind], stdout);
	if (param->choices) {
		fputs(": ", stdout);
		for (size_t i = 0; param->choices[i]; i++)
			printf("%s%s", i ? ", " : "", param->choices[i]);
	} else if (text && param->max > 0) {
		printf(" of at most %.0f bytes", param->max);
	} else if (!text && (param->min != 0 || param->max != 0)) {
		printf(" from %.10g to %.10g", param->min, param->max);
	}
	puts(param->required ? ", required." : ".");
	if (param->alias)
		printf("Also understood as\n.Ar %s .\n", param->alias);
}

static int put_tool(const char *name)
{
	const struct tool *const *tool = tool_all();

	while (*tool && strcmp((*tool)->name, name) != 0)
		tool++;
	if (!*tool)
		return -1;
	put_text((*tool)->help);
	puts("Its arguments:\n.Bl -tag -width Ds");
	for (const struct tool_param *p = (*tool)->params; p->name; p++) {
		printf(".It Ar %s\n", p->name);
		put_kind(p);
		put_text(p->help);
	}
	puts(".El");
	return 0;
}

static size_t count_tools(void)
{
	const struct tool *const *all = tool_all();
	size_t n = 0;

	for (size_t i = 0; all[i]; i++)
		n += !(all[i]->flags & TOOL_HIDDEN);
	return n;
}

static int put_frame(FILE *frame)
{
	char line[4096];
	size_t n = 0;

	while (fgets(line, sizeof(line), frame)) {
		if (strncmp(line, mark, sizeof(mark) - 1) != 0) {
			fputs(line, stdout);
			continue;
		}
		line[strcspn(line, "\n") - 1] = '\0';
		if (put_tool(line + sizeof(mark) - 1) < 0) {
			fprintf(stderr, "gen-manual: no tool %s\n",
				line + sizeof(mark) - 1);
			return -1;
		}
		n++;
	}
	if (n == count_tools())
		return 0;
	fprintf(stderr, "gen-manual: %zu of %zu tools\n", n, count_tools());
	return -1;
}

int main(int argc, char **argv)
{
	FILE *frame = argc == 2 ? fopen(argv[1], "re") : NULL;
	int ret;

	if (!frame) {
		fputs("usage: gen-manual FRAME\n", stderr);
		return 2;
	}
	ret = put_frame(frame);
	fclose(frame);
	return ret == 0 && fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
