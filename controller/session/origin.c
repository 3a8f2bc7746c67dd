// SPDX-License-Identifier: Apache-2.0
/*
 * Names of keys in messages.  Of a file only its last part is told: the whole
 * path would leave no room for what is wrong.
 */
#include <config.h>

#include "controller/session/origin.h"

#include <stdio.h>
#include <string.h>

#define KEY_BYTES 72
#define PLACE_BYTES 400

static const char *compose(const struct pol_session *session, const char *key,
			   const struct cfg_pos *pos,
			   char text[SES_ORIGIN_BYTES])
{
	char place[PLACE_BYTES] = "";
	const char *last;

	if (session->cfg && pos->line > 0)
		cfg_pos_text(session->cfg, pos, place, sizeof(place));
	last = strrchr(place, '/');
	last = last ? last + 1 : place;
	(void)snprintf(text, SES_ORIGIN_BYTES, "%.*s%s%.34s", KEY_BYTES, key,
		       last[0] ? " at " : "", last);
	return text;
}

/**
 * ses_origin() - the key that decided a value
 */
const char *ses_origin(const struct pol_session *session, enum pol_value value,
		       char text[SES_ORIGIN_BYTES])
{
	const struct pol_origin *origin = &session->origins[value];

	return compose(session,
		       origin->key ? origin->key : pol_value_key(value),
		       &origin->pos, text);
}

static const struct cfg_node *binds_of(const struct cfg_node *sandbox)
{
	const struct cfg_node *node =
		sandbox ? cfg_get(sandbox, "docker.binds") : NULL;

	return node && node->type == CFG_ARRAY ? node : NULL;
}

/* The global ones come first, where both levels have some. */
static size_t count_global(const struct pol_session *session, size_t all)
{
	const struct cfg_node *global, *agent;

	if (!session->cfg || !session->agent || !session->agent->node)
		return 0;
	global = binds_of(session->cfg->sandbox);
	agent = binds_of(cfg_get(session->agent->node, "sandbox"));
	return global && agent && global->count + agent->count == all ?
		       global->count :
		       0;
}

/* Without those that another key asks for, which are the last. */
static size_t count_own(const struct pol_session *session)
{
	size_t n = session->n_binds;

	while (n > 0 && session->binds[n - 1].key)
		n--;
	return n;
}

static const char *origin_of_key(const struct pol_session *session,
				 const char *key, char text[SES_ORIGIN_BYTES])
{
	static const struct cfg_pos nowhere;
	const struct cfg_node *node =
		session->cfg ? cfg_get(session->cfg->root, key) : NULL;

	return compose(session, key, node ? &node->pos : &nowhere, text);
}

/**
 * ses_origin_bind() - an entry of docker.binds, or the key that asks for it
 */
const char *ses_origin_bind(const struct pol_session *session, size_t index,
			    char text[SES_ORIGIN_BYTES])
{
	const struct pol_origin *origin = &session->origins[POL_BINDS];
	const struct cfg_node *list = session->values[POL_BINDS];
	const struct cfg_node *node = list ? list->first : NULL;
	size_t global = count_global(session, count_own(session));
	const char *key = origin->key ? origin->key :
					pol_value_key(POL_BINDS);
	char name[KEY_BYTES];

	if (session->binds[index].key)
		return origin_of_key(session, session->binds[index].key, text);
	for (size_t i = 0; node && i < index; i++)
		node = node->next;
	if (index < global)
		key = "agents.defaults.sandbox.docker.binds";
	else
		index -= global;
	(void)snprintf(name, sizeof(name), "%.56s[%zu]", key, index);
	return compose(session, name, node ? &node->pos : &origin->pos, text);
}
