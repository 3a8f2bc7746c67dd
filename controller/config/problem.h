/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong with a configuration: all of it, not the first thing alone.
 */
#ifndef CONTROLLER_CONFIG_PROBLEM_H
#define CONTROLLER_CONFIG_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CFG_MAX_PROBLEMS 200 /* more are counted, not kept */
#define CFG_MAX_FILES 64
#define CFG_PROBLEM_BYTES 320

struct cfg_pos {
	uint32_t file;   /* index into the names, 0 is the main file */
	uint32_t line;   /* from 1; 0: the file as a whole */
	uint32_t column; /* from 1, in characters */
};

struct cfg_problem {
	struct cfg_pos pos;
	bool warning;
	char text[CFG_PROBLEM_BYTES]; /* "agents.list[2].id: expected ..." */
	char hint[CFG_PROBLEM_BYTES]; /* "" none */
};

struct cfg_problems {
	struct cfg_problem *list; /* owned */
	size_t count;
	size_t room;
	size_t dropped;
	size_t errors; /* without warnings, with dropped ones */
	char *files[CFG_MAX_FILES]; /* owned names */
	uint32_t n_files;
};

#define CFG_PROBLEMS_INIT { 0 }

void cfg_problems_fini(struct cfg_problems *problems);
/* Returns the index; CFG_MAX_FILES where there are too many. */
uint32_t cfg_problems_file(struct cfg_problems *problems, const char *name);
/* Peer text in @fmt's arguments is cleaned of control characters. */
int cfg_problem_add(struct cfg_problems *problems, const struct cfg_pos *pos,
		    const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void cfg_problem_warn(struct cfg_problems *problems,
		      const struct cfg_pos *pos, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* A hint for the problem that was added last. */
void cfg_problem_hint(struct cfg_problems *problems, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* By file, line and column; what was added first stays first. */
void cfg_problems_sort(struct cfg_problems *problems);
/* "FILE:LINE:COLUMN: TEXT", without a newline. */
void cfg_problem_format(const struct cfg_problems *problems, size_t index,
			char *text, size_t size);

#endif
