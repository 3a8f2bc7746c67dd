// SPDX-License-Identifier: Apache-2.0
/*
 * Names of tools: aliases, groups, profiles, patterns.
 */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "controller/policy/key.h"
#include "controller/policy/stage.h"

struct named {
	const char *name;
	const char *const *members;
};

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define SESSIONS \
	"sessions_list", "sessions_history", "sessions_send", \
		"sessions_spawn", "session_status"
#define MEMORY "memory_search", "memory_get"
#define WEB "web_search", "web_fetch"

static const struct named groups[] = {
	{ "group:memory", LIST(MEMORY) },
	{ "group:web", LIST(WEB) },
	{ "group:fs", LIST("read", "write", "edit", "apply_patch") },
	{ "group:runtime", LIST("exec", "process") },
	{ "group:sessions", LIST(SESSIONS) },
	{ "group:ui", LIST("browser", "canvas") },
	{ "group:automation", LIST("cron", "gateway") },
	{ "group:messaging", LIST("message") },
	{ "group:nodes", LIST("nodes") },
	{ "group:openclaw",
	  LIST("browser", "canvas", "nodes", "cron", "message", "gateway",
	       "agents_list", SESSIONS, MEMORY, WEB, "image") },
};

static const char *const tools[] = {
	"exec", "process", "read", "write", "edit", "apply_patch", "image",
	"browser", "canvas", "nodes", "cron", "message", "gateway",
	"agents_list", SESSIONS, MEMORY, WEB, NULL,
};

static const struct named profiles[] = {
	{ "minimal", LIST("session_status") },
	{ "coding", LIST("group:fs", "group:runtime", "group:sessions",
			 "group:memory", "image") },
	{ "messaging", LIST("group:messaging", "sessions_list",
			    "sessions_history", "sessions_send",
			    "session_status") },
};

/**
 * pol_tool_fold() - the one name of a tool
 * @name: filled: lower case, no blanks around it, aliases replaced; cut where
 *        it is too long
 *
 * Return: 0, or -1 for what no tool is called.
 */
int pol_tool_fold(const char *text, char name[POL_TOOL_BYTES])
{
	size_t len, n;

	text = pol_trim(text, &len);
	for (n = 0; n < len && n + 1 < POL_TOOL_BYTES; n++)
		name[n] = pol_lower(text[n]);
	name[n] = '\0';
	if (n < len)
		return -1;
	if (strcmp(name, "bash") == 0)
		(void)snprintf(name, POL_TOOL_BYTES, "exec");
	else if (strcmp(name, "apply-patch") == 0)
		(void)snprintf(name, POL_TOOL_BYTES, "apply_patch");
	return 0;
}

static const char *const *find(const struct named *list, size_t count,
			       const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i].name, name) == 0)
			return list[i].members;
	return NULL;
}

/**
 * pol_group_find() - the tools of a group
 */
const char *const *pol_group_find(const char *name)
{
	return find(groups, sizeof(groups) / sizeof(groups[0]), name);
}

/**
 * pol_tool_names() - the tools that are in a group, ended by NULL
 */
const char *const *pol_tool_names(void)
{
	return tools;
}

/**
 * pol_profile_find() - the list of a profile; "full" has none
 */
const char *const *pol_profile_find(const char *name)
{
	return find(profiles, sizeof(profiles) / sizeof(profiles[0]), name);
}

/**
 * pol_glob_match() - does the whole name fit, where * is any run?
 *
 * On a mismatch only the last * is tried again: time is the product of the two
 * lengths at most.
 */
bool pol_glob_match(const char *pattern, const char *name)
{
	const char *star = NULL, *from = NULL;

	while (*name) {
		if (*pattern == '*') {
			star = ++pattern;
			from = name;
		} else if (*pattern == *name) {
			pattern++;
			name++;
		} else if (star) {
			pattern = star;
			name = ++from;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}
