// SPDX-License-Identifier: Apache-2.0
/*
 * The list of what is wrong with a configuration.
 */
#include <config.h>

#include "controller/config/problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/config/utf8.h"

/**
 * cfg_problems_fini() - release what a list holds; it is empty afterwards
 */
void cfg_problems_fini(struct cfg_problems *problems)
{
	for (uint32_t i = 0; i < problems->n_files; i++)
		free(problems->files[i]);
	free(problems->list);
	memset(problems, 0, sizeof(*problems));
}

/**
 * cfg_problems_file() - the index of a file's name, entered if it is new
 *
 * Return: the index, or CFG_MAX_FILES where there are too many.
 */
uint32_t cfg_problems_file(struct cfg_problems *problems, const char *name)
{
	for (uint32_t i = 0; i < problems->n_files; i++)
		if (strcmp(problems->files[i], name) == 0)
			return i;
	if (problems->n_files == CFG_MAX_FILES)
		return CFG_MAX_FILES;
	problems->files[problems->n_files] = strdup(name);
	if (!problems->files[problems->n_files])
		return CFG_MAX_FILES;
	return problems->n_files++;
}

/*
 * What a file says may not steer a terminal or end a line of a log, and what
 * was cut may have lost half of a character.
 */
static void clean(char *text)
{
	size_t len = strlen(text);
	size_t valid = 0;

	while ((valid += cfg_utf8_valid(text + valid, len - valid)) < len)
		text[valid++] = '?';
	for (unsigned char *at = (unsigned char *)text; *at; at++)
		if (*at < 0x20 || *at == 0x7f)
			*at = '?';
}

static struct cfg_problem *add(struct cfg_problems *problems,
			       const struct cfg_pos *pos, const char *fmt,
			       va_list args)
{
	static const struct cfg_pos nowhere;
	struct cfg_problem *problem, *grown;
	size_t room;

	if (problems->count == CFG_MAX_PROBLEMS) {
		problems->dropped++;
		return NULL;
	}
	if (problems->count == problems->room) {
		room = problems->room ? 2 * problems->room : 8;
		grown = realloc(problems->list, room * sizeof(*grown));
		if (!grown) {
			problems->dropped++;
			return NULL;
		}
		problems->list = grown;
		problems->room = room;
	}
	problem = &problems->list[problems->count++];
	memset(problem, 0, sizeof(*problem));
	problem->pos = pos ? *pos : nowhere;
	(void)vsnprintf(problem->text, sizeof(problem->text), fmt, args);
	clean(problem->text);
	return problem;
}

/**
 * cfg_problem_add() - something that makes the configuration invalid
 * @pos: where, NULL: the main file as a whole
 *
 * Return: -1, for the caller to return.
 */
int cfg_problem_add(struct cfg_problems *problems, const struct cfg_pos *pos,
		    const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)add(problems, pos, fmt, args);
	va_end(args);
	problems->errors++;
	return -1;
}

/**
 * cfg_problem_warn() - something that the user should know
 */
void cfg_problem_warn(struct cfg_problems *problems,
		      const struct cfg_pos *pos, const char *fmt, ...)
{
	struct cfg_problem *problem;
	va_list args;

	va_start(args, fmt);
	problem = add(problems, pos, fmt, args);
	va_end(args);
	if (problem)
		problem->warning = true;
}

/**
 * cfg_problem_hint() - what may be done about the problem added last
 */
void cfg_problem_hint(struct cfg_problems *problems, const char *fmt, ...)
{
	struct cfg_problem *problem;
	va_list args;

	if (problems->count == 0 || problems->dropped > 0)
		return;
	problem = &problems->list[problems->count - 1];
	va_start(args, fmt);
	(void)vsnprintf(problem->hint, sizeof(problem->hint), fmt, args);
	va_end(args);
	clean(problem->hint);
}

static int by_place(const struct cfg_pos *a, const struct cfg_pos *b)
{
	if (a->file != b->file)
		return a->file < b->file ? -1 : 1;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	if (a->column != b->column)
		return a->column < b->column ? -1 : 1;
	return 0;
}

/**
 * cfg_problems_sort() - by their places; there are few, and they stay in order
 * where the place is the same
 */
void cfg_problems_sort(struct cfg_problems *problems)
{
	struct cfg_problem *list = problems->list;

	for (size_t i = 1; i < problems->count; i++) {
		struct cfg_problem moved = list[i];
		size_t at = i;

		for (; at > 0 && by_place(&moved.pos, &list[at - 1].pos) < 0;
		     at--)
			list[at] = list[at - 1];
		list[at] = moved;
	}
}

/**
 * cfg_problem_format() - one problem as a line, without its end
 */
void cfg_problem_format(const struct cfg_problems *problems, size_t index,
			char *text, size_t size)
{
	const struct cfg_problem *problem = &problems->list[index];
	const struct cfg_pos *pos = &problem->pos;
	const char *name = pos->file < problems->n_files ?
				   problems->files[pos->file] :
				   "configuration";

	if (pos->line == 0)
		(void)snprintf(text, size, "%s: %s", name, problem->text);
	else
		(void)snprintf(text, size, "%s:%u:%u: %s", name, pos->line,
			       pos->column, problem->text);
}
