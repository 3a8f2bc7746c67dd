// SPDX-License-Identifier: Apache-2.0
/*
 * One list of a session's background commands from two: those in its sandbox,
 * as creeld knows them, and those that left it.
 */
#include <config.h>

#include "controller/cli/tool-host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "controller/tools/tool.h"
#include "proto/cleanup.h"

/* The parts of a CallToolResult that matter here, borrowed from it. */
struct list {
	json_t *sessions;
	json_t *text;
};

static bool look(json_t *result, struct list *list)
{
	json_t *content = json_object_get(result, "content");

	list->text = json_object_get(json_array_get(content, 0), "text");
	list->sessions = json_object_get(
		json_object_get(result, "structuredContent"), "sessions");
	return json_is_string(list->text);
}

/* What was there to be listed is, line by line. */
static json_t *join_text(const struct list *inside, const struct list *here)
{
	const char *first = json_string_value(inside->text);
	const char *second = json_string_value(here->text);

	if (!here->sessions)
		return json_sprintf("%s\n(on the host: %s)", first, second);
	if (json_array_size(inside->sessions) == 0)
		first = NULL;
	return json_sprintf("%s%s%s", first ? first : "", first ? "\n" : "",
			    second);
}

static int join(json_t *inside, const struct list *list,
		const struct list *here)
{
	json_t *part = json_array_get(json_object_get(inside, "content"), 0);
	json_t *text = join_text(list, here);

	if (here->sessions &&
	    json_array_extend(list->sessions, here->sessions) < 0) {
		json_decref(text);
		return -1;
	}
	return json_object_set_new(part, "text", text);
}

/**
 * tool_host_join() - add a list of the host's commands to a sandbox's
 * @inside: a CallToolResult of process list
 * @here:   the same of the host, or an error, which is told then
 *
 * Return: owned; NULL where there is nothing to add, or it cannot be done.
 */
char *tool_host_join(const char *inside, size_t inside_len, const char *here,
		     size_t here_len, size_t *len)
{
	json_t *first = json_loadb(inside, inside_len, JSON_ALLOW_NUL, NULL);
	json_t *second = json_loadb(here, here_len, JSON_ALLOW_NUL, NULL);
	struct list mine, other;
	char *json = NULL;

	if (look(first, &mine) && look(second, &other) &&
	    json_is_array(mine.sessions) &&
	    (!other.sessions || json_array_size(other.sessions) > 0) &&
	    join(first, &mine, &other) == 0)
		json = tool_dump(first, len);
	json_decref(first);
	json_decref(second);
	return json;
}
