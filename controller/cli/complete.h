/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What could stand in the place of a command line's last word.
 */
#ifndef CONTROLLER_CLI_COMPLETE_H
#define CONTROLLER_CLI_COMPLETE_H

#include "controller/cli/options.h"

/* The line so far. */
struct cli_line {
	char **words; /* borrowed; without "creel" */
	int n_words;  /* the last is the one that is completed */
	const struct cli_verb *verb;
	struct cli_args args; /* has[] and last[] of what was given */
	const char *before;   /* of each candidate: "--option=" or "" */
	const char *prefix;   /* what was typed of it */
};

/*
 * One candidate a line, each with the prefix; a line that begins with a tab
 * says what the shell can complete itself: files, dirs or commands.
 */
void cli_complete(char **words, int n_words);

/* A candidate, if it has the prefix and is harmless. */
void cli_offer(const struct cli_line *line, const char *text);
void cli_offer_kind(const char *kind);

/* complete-value.c: by what the tables say that it is, "host|DIR" */
void cli_complete_value(const struct cli_line *line, enum cli_opt opt,
			const char *kinds);

#endif
