// SPDX-License-Identifier: Apache-2.0
/*
 * Build-time: creel.conf(5) from its frame, with the list of keys made from
 * the table.
 *
 *     gen-manual FRAME
 */
#include <config.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/config/schema-rows.h"

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
		} else if (*at == '.' && at[1] == ' ' &&
			   isupper((unsigned char)at[2])) {
			fputs(".\n", stdout);
			at++;
			first = true;
		} else {
			putchar(*at);
		}
	}
}

static void put_value(const struct cfg_key *key)
{
	const char *expects = cfg_kind_expects(key->kind);

	if (key->kind == CFG_KIND_ENUM) {
		fputs("One of", stdout);
		for (size_t i = 0; key->choices[i]; i++)
			printf("%s %s",
			       i == 0		    ? "" :
			       key->choices[i + 1] ? "," :
						      " or",
			       key->choices[i]);
		puts(".");
		return;
	}
	putchar(toupper((unsigned char)*expects));
	put_text(expects + 1);
	if ((key->kind == CFG_KIND_INTEGER || key->kind == CFG_KIND_NUMBER) &&
	    key->max > key->min)
		printf(" from %.10g to %.10g", key->min, key->max);
	puts(".");
}

static void put_default(const struct cfg_key *key)
{
	size_t len = key->fallback ? strlen(key->fallback) : 0;
	char *words;

	if (!key->fallback) {
		puts("Not set by default.");
		return;
	}
	fputs("Default: ", stdout);
	if (key->fallback[0] != '(') {
		put_text(key->fallback);
		puts(".");
		return;
	}
	words = strndup(key->fallback + 1, len - 2);
	if (!words)
		exit(1);
	put_text(words);
	puts(".");
	free(words);
}

static void put_merge(const struct cfg_key *key)
{
	char paths[2][96];

	if (cfg_key_paths(key, paths) < 2)
		return;
	switch (key->merge) {
	case CFG_MERGE_REPLACE:
		return;
	case CFG_MERGE_MAP:
		puts("The agent's are merged with those of all, by name.");
		return;
	case CFG_MERGE_CONCAT:
		puts("The agent's come after those of all.");
		return;
	case CFG_MERGE_BOTH:
		puts("Both levels count.");
		return;
	}
}

static void put_key(const struct cfg_key *key)
{
	char paths[2][96];

	if (cfg_key_paths(key, paths) == 0)
		exit(1);
	printf(".It Va %s\n",
	       key->place == CFG_IN_SANDBOX ? key->path : paths[0]);
	put_value(key);
	put_default(key);
	put_merge(key);
	put_text(key->help);
	putchar('\n');
}

static void put_keys(void)
{
	const struct cfg_rows *rows;

	for (size_t i = 0; (rows = cfg_rows_at(i)); i++) {
		printf(".Ss %s\n%s\n.Bl -tag -width Ds\n", rows->title,
		       rows->intro);
		for (size_t j = 0; j < rows->count; j++)
			put_key(&rows->rows[j]);
		puts(".El");
	}
}

int main(int argc, char **argv)
{
	FILE *frame = argc == 2 ? fopen(argv[1], "re") : NULL;
	char line[4096];

	if (!frame) {
		fputs("usage: gen-manual FRAME\n", stderr);
		return 2;
	}
	while (fgets(line, sizeof(line), frame)) {
		if (strcmp(line, "@KEYS@\n") == 0)
			put_keys();
		else
			fputs(line, stdout);
	}
	fclose(frame);
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
