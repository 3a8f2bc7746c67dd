// SPDX-License-Identifier: Apache-2.0
/*
 * Session keys.  They come from chat channels: whoever writes to an agent may
 * choose parts of them.
 */
#include <config.h>

#include "controller/policy/key.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define MAIN "main"

static bool is_control(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code <= 0x9f);
}

static int check(const char *text, size_t len, struct err *err)
{
	uint32_t code;

	if (len > POL_KEY_MAX_BYTES)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "session key: longer than %d bytes",
			       POL_KEY_MAX_BYTES);
	for (size_t at = 0; at < len;) {
		size_t n = pol_decode(text + at, len - at, &code);

		if (n == 0)
			return err_set(err, ERR_BAD_REQUEST, 0,
				       "session key: byte %zu is no UTF-8",
				       at + 1);
		if (is_control(code))
			return err_set(err, ERR_BAD_REQUEST, 0,
				       "session key: byte %zu is a control character",
				       at + 1);
		at += n;
	}
	return 0;
}

/**
 * pol_agent_fold() - the id that a text stands for
 * @id: filled: lower case, never empty
 */
void pol_agent_fold(const char *text, char id[CFG_AGENT_ID_MAX + 1])
{
	cfg_agent_fold(text, id);
}

/* The rest of "agent:ID:REST"; NULL: the key is of no such form. */
static const char *parse(const char *key, char id[CFG_AGENT_ID_MAX + 1])
{
	char text[POL_KEY_MAX_BYTES + 1];
	const char *colon;

	if (strncmp(key, "agent:", 6) != 0)
		return NULL;
	key += 6;
	colon = strchr(key, ':');
	if (!colon || colon == key || !colon[1])
		return NULL;
	(void)snprintf(text, sizeof(text), "%.*s", (int)(colon - key), key);
	pol_agent_fold(text, id);
	return colon + 1;
}

static bool is_global(const struct cfg *cfg)
{
	const struct cfg_node *scope = cfg_get(cfg->root, "session.scope");

	return scope && scope->type == CFG_STRING &&
	       strcmp(scope->text, "global") == 0;
}

/* session.mainKey, trimmed and in lower case. */
static void main_name(const struct cfg *cfg, char name[POL_KEY_MAX_BYTES + 1])
{
	const struct cfg_node *node = cfg_get(cfg->root, "session.mainKey");
	const char *text = MAIN;
	size_t len = strlen(text);

	if (node && node->type == CFG_STRING)
		text = pol_trim(node->text, &len);
	if (len == 0) {
		text = MAIN;
		len = strlen(text);
	}
	if (len > POL_KEY_MAX_BYTES)
		len = POL_KEY_MAX_BYTES;
	for (size_t i = 0; i < len; i++)
		name[i] = pol_lower(text[i]);
	name[len] = '\0';
}

static bool is_alias(const struct cfg *cfg, const char *text, const char *name)
{
	return strcmp(text, MAIN) == 0 || strcmp(text, name) == 0 ||
	       (is_global(cfg) && strcmp(text, "global") == 0);
}

/**
 * pol_is_session_key() - a session's key rather than a sandbox's plain name?
 */
bool pol_is_session_key(const struct cfg *cfg, const char *text)
{
	char name[POL_KEY_MAX_BYTES + 1];

	main_name(cfg, name);
	return strchr(text, ':') || is_alias(cfg, text, name);
}

static int pick_agent(const struct cfg *cfg, struct pol_key *key,
		      const char *agent, const char **rest, struct err *err)
{
	char want[CFG_AGENT_ID_MAX + 1] = "";

	if (agent)
		pol_agent_fold(agent, want);
	*rest = parse(key->given, key->agent_id);
	if (*rest || (agent && strchr(key->given, ':'))) {
		if (!*rest)
			(void)snprintf(key->agent_id, sizeof(key->agent_id),
				       "%s", cfg->default_agent);
		if (agent && strcmp(want, key->agent_id) != 0)
			return err_set(err, ERR_BAD_REQUEST, 0,
				       "session key: it is of agent %s, not of %s",
				       key->agent_id, want);
		return 0;
	}
	(void)snprintf(key->agent_id, sizeof(key->agent_id), "%s",
		       agent ? want : cfg->default_agent);
	return 0;
}

/**
 * pol_key_read() - whose session it is, and its one name
 * @text:  as it was given; NULL: the main session of @agent
 * @agent: NULL: the default agent, where @text does not say
 *
 * Return: 0 or -1 with BAD_REQUEST.
 */
int pol_key_read(const struct cfg *cfg, const char *text, const char *agent,
		 struct pol_key *key, struct err *err)
{
	char name[POL_KEY_MAX_BYTES + 1];
	const char *rest;
	size_t len;

	main_name(cfg, name);
	if (!text)
		text = name;
	if (check(text, strlen(text), err) < 0)
		return -1;
	text = pol_trim(text, &len);
	if (len == 0)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "session key: it is empty");
	memcpy(key->given, text, len);
	key->given[len] = '\0';
	if (pick_agent(cfg, key, agent, &rest, err) < 0)
		return -1;
	if (is_global(cfg))
		(void)snprintf(key->main_key, sizeof(key->main_key), "global");
	else
		(void)snprintf(key->main_key, sizeof(key->main_key),
			       "agent:%s:%s", key->agent_id, name);
	key->is_main = rest ? !strcmp(rest, MAIN) || !strcmp(rest, name)
			    : is_alias(cfg, key->given, name);
	if (key->is_main)
		memcpy(key->key, key->main_key, sizeof(key->key));
	else if (!rest && strchr(key->given, ':'))
		(void)snprintf(key->key, sizeof(key->key), "%s", key->given);
	else
		(void)snprintf(key->key, sizeof(key->key), "agent:%s:%s",
			       key->agent_id, rest ? rest : key->given);
	return 0;
}

/**
 * pol_key_channel() - the chat channel that a session belongs to
 *
 * Return: a name without owner, NULL where the key names none.
 */
const char *pol_key_channel(const char *key)
{
	static const char *const channels[] = {
		"telegram", "whatsapp", "discord", "googlechat",
		"slack",    "signal",	"imessage", "webchat",
	};
	char id[CFG_AGENT_ID_MAX + 1];
	const char *rest = parse(key, id);
	size_t len = rest ? strcspn(rest, ":") : 0;

	for (size_t i = 0; i < sizeof(channels) / sizeof(channels[0]); i++) {
		size_t n = 0;

		while (n < len && pol_lower(rest[n]) == channels[i][n])
			n++;
		if (n == len && len > 0 && !channels[i][n])
			return channels[i];
	}
	return NULL;
}

/**
 * pol_mode_name() - a mode as it is written in a configuration
 */
const char *pol_mode_name(enum pol_mode mode)
{
	static const char *const names[] = { "?", "off", "non-main", "all" };

	return names[mode];
}

/**
 * pol_scope_name() - a scope as it is written in a configuration
 */
const char *pol_scope_name(enum pol_scope scope)
{
	static const char *const names[] = { "?", "session", "agent",
					     "shared" };

	return names[scope];
}

/**
 * pol_access_name() - an access as it is written in a configuration
 */
const char *pol_access_name(enum pol_access access)
{
	static const char *const names[] = { "?", "none", "ro", "rw" };

	return names[access];
}
