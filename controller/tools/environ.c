// SPDX-License-Identifier: Apache-2.0
/*
 * The environment of a command: on the host the caller's or what is listed of
 * it; inside, where there is no caller's, what the sandbox has of its own.
 */
#include <config.h>

#include "controller/tools/environ.h"

#include <string.h>

#include "controller/config/tree.h"
#include "controller/tools/setting.h"

#define ROOM_MIN 16

/* What every command of a sandbox has. */
static const char *const standard[] = {
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	"LANG=C.UTF-8",
};

static bool is_of(const char *pair, const char *name)
{
	size_t len = strlen(name);

	return strncmp(pair, name, len) == 0 && pair[len] == '=';
}

static bool is_listed(const struct cfg_node *list, const char *pair)
{
	const struct cfg_node *at = list ? list->first : NULL;

	for (; at; at = at->next)
		if (at->type == CFG_STRING && is_of(pair, at->text))
			return true;
	return false;
}

static int grow(struct tool_environ *environ)
{
	size_t room = environ->room ? 2 * environ->room : ROOM_MIN;
	const char **pairs =
		cfg_tree_alloc(environ->mem, (room + 1) * sizeof(*pairs));

	if (!pairs)
		return -1;
	if (environ->n > 0)
		memcpy(pairs, environ->pairs, environ->n * sizeof(*pairs));
	environ->pairs = pairs;
	environ->room = room;
	return 0;
}

/**
 * tool_environ_set() - one more variable, or another value
 */
int tool_environ_set(struct tool_environ *environ, const char *pair)
{
	size_t len = strcspn(pair, "=") + 1;

	for (size_t i = 0; i < environ->n; i++)
		if (strncmp(environ->pairs[i], pair, len) == 0) {
			environ->pairs[i] = pair;
			return 0;
		}
	if (environ->n == environ->room && grow(environ) < 0)
		return -1;
	environ->pairs[environ->n++] = pair;
	environ->pairs[environ->n] = NULL;
	return 0;
}

/**
 * tool_environ_unset() - without one, where it is there
 */
void tool_environ_unset(struct tool_environ *environ, const char *name)
{
	for (size_t i = 0; i < environ->n; i++)
		if (is_of(environ->pairs[i], name)) {
			environ->pairs[i] = environ->pairs[--environ->n];
			environ->pairs[environ->n] = NULL;
			return;
		}
}

static size_t count(const char *const *list)
{
	size_t n = 0;

	while (list && list[n])
		n++;
	return n;
}

/**
 * tool_environ_make() - what the configuration lets a command see
 * @environ: its mem is set
 */
int tool_environ_make(struct tool_environ *environ,
		      const struct tool_env *where,
		      const struct tool_environ_rules *rules)
{
	const struct pol_session *session = where->session;
	const bool all = tool_setting_bool(session->cfg, rules->pass_key);
	const struct cfg_node *list =
		tool_setting_list(session->cfg, rules->list_key);
	const char *const *from = rules->inside ? session->env :
						  where->host_env;
	const size_t n_from = rules->inside ? session->n_env : count(from);
	const size_t n_standard = sizeof(standard) / sizeof(standard[0]);

	if (grow(environ) < 0)
		return -1;
	environ->pairs[0] = NULL;
	for (size_t i = 0; rules->inside && i < n_standard; i++)
		if ((all || is_listed(list, standard[i])) &&
		    tool_environ_set(environ, standard[i]) < 0)
			return -1;
	for (size_t i = 0; i < n_from; i++)
		if ((all || is_listed(list, from[i])) &&
		    tool_environ_set(environ, from[i]) < 0)
			return -1;
	return 0;
}
