// SPDX-License-Identifier: Apache-2.0
/*
 * Agents' ids, session keys, scope keys, slugs, names.
 */
#include <config.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/policy-rig.h"
#include "tests/unit/runner.h"

#define A16 "aaaaaaaaaaaaaaaa"
#define A64 A16 A16 A16 A16

/* lower case, [a-z0-9][a-z0-9_-]{0,63}; runs of others become -, dashes are
 * trimmed at both ends, 64 characters, empty becomes main */
static const struct {
	const char *text;
	const char *id;
} ids[] = {
	{ "main", "main" },
	{ "Work", "work" },
	{ "a_b-c", "a_b-c" },
	{ "0", "0" },
	{ "a-", "a-" },
	{ " family ", "family" },
	{ "my agent", "my-agent" },
	{ "my  agent!!", "my-agent" },
	{ "--x--", "x" },
	{ "_x", "_x" },
	{ "-a", "a" },
	{ "!!!", "main" },
	{ "", "main" },
	{ "  ", "main" },
	{ "\xd0\xb0\xd0\xb1", "main" },
	{ "\xd0\xb0 x \xd0\xb1", "x" },
	{ "a/../b", "a-b" },
	{ A64, A64 },
	{ A64 "b", A64 },
	{ "!" A64 "b", A64 },
};

START_TEST(test_agent_id_is_folded)
{
	char id[CFG_AGENT_ID_MAX + 1];

	pol_agent_fold(ids[_i].text, id);
	ck_assert_str_eq(id, ids[_i].id);
}
END_TEST

/* lower case, other than [a-z0-9._-] to -, trimmed of dashes, 32 characters
 * (session if empty), - and 8 digits of the SHA-1 of the trimmed key */
static const struct {
	const char *key;
	const char *slug;
} slugs[] = {
	{ "agent:main:main", "agent-main-main-20ceb99b" },
	{ "agent:main:whatsapp:group:1",
	  "agent-main-whatsapp-group-1-b6fd968a" },
	{ "main", "main-b28b7af6" },
	{ "Main", "main-62bce942" },
	{ "  main\t", "main-b28b7af6" },
	{ "\xc2\xa0main\xe3\x80\x80", "main-b28b7af6" },
	{ "agent:a: b!c", "agent-a-b-c-" },
	{ "../../etc", "..-..-etc-7baf5cb6" },
	{ ":::", "session-15856dc4" },
	{ "", "session-" },
	{ "\xe6\x97\xa5\xe6\x9c\xac", "session-" },
	{ "agent:main:\xe6\x97\xa5:x", "agent-main-x-" },
	{ "\xff\xfe", "session-" },
	{ "agent:main:0123456789012345678901234567890123456789",
	  "agent-main-012345678901234567890-" },
};

START_TEST(test_slug_of_key_is_a_safe_name)
{
	const char *want = slugs[_i].slug;
	char slug[POL_SLUG_BYTES];

	pol_slug(slugs[_i].key, slug);
	/* Where the digits are not given only what they follow is compared. */
	if (want[strlen(want) - 1] == '-') {
		ck_assert_uint_eq(strlen(slug), strlen(want) + 8);
		ck_assert_int_eq(strncmp(slug, want, strlen(want)), 0);
	} else {
		ck_assert_str_eq(slug, want);
	}
	ck_assert_uint_eq(strspn(slug, "abcdefghijklmnopqrstuvwxyz"
				       "0123456789._-"), strlen(slug));
}
END_TEST

#define TWO "agents: {list: [{id: 'first'}, {id: 'Work Team', default: true}]}"

/* configuration, key as given, agent, canonical key, is it the main session? */
static const struct {
	const char *config;
	const char *given;
	const char *agent;
	const char *key;
	bool is_main;
} keys[] = {
	{ "{}", "agent:main:main", "main", "agent:main:main", true },
	{ "{}", "main", "main", "agent:main:main", true },
	{ "{}", NULL, "main", "agent:main:main", true },
	{ "{}", "agent:main:whatsapp:group:1", "main",
	  "agent:main:whatsapp:group:1", false },
	{ "{}", "agent:Main:x", "main", "agent:main:x", false },
	{ "{}", "agent:my agent:x", "my-agent", "agent:my-agent:x", false },
	{ "{}", "agent:ghost:main", "ghost", "agent:ghost:main", true },
	{ "{}", " agent:main:x ", "main", "agent:main:x", false },
	{ "{}", "agent:main:a/../b", "main", "agent:main:a/../b", false },
	{ "{}", "agent:main:\xd1\x8f", "main", "agent:main:\xd1\x8f", false },
	/* what does not parse belongs to the default agent */
	{ "{}", "telegram:1", "main", "telegram:1", false },
	{ "{}", "agent:main", "main", "agent:main", false },
	{ "{}", "agent::x", "main", "agent::x", false },
	{ "{}", "agent:main:", "main", "agent:main:", false },
	{ "{}", "Agent:main:main", "main", "Agent:main:main", false },
	{ "{" TWO "}", "telegram:1", "work-team", "telegram:1", false },
	{ "{" TWO "}", "main", "work-team", "agent:work-team:main", true },
	{ "{" TWO "}", "build", "work-team", "agent:work-team:build", false },
	{ "{" TWO "}", "agent:first:main", "first", "agent:first:main", true },
	/* the default agent is the first where none says so */
	{ "{agents: {list: [{id: 'b'}, {id: 'a'}]}}", "main", "b",
	  "agent:b:main", true },
	{ "{agents: {list: []}}", "main", "main", "agent:main:main", true },
	/* the main key, trimmed, in lower case, and its aliases */
	{ "{session: {mainKey: ' Home '}}", NULL, "main", "agent:main:home",
	  true },
	{ "{session: {mainKey: 'home'}}", "main", "main", "agent:main:home",
	  true },
	{ "{session: {mainKey: 'home'}}", "home", "main", "agent:main:home",
	  true },
	{ "{session: {mainKey: 'home'}}", "agent:main:main", "main",
	  "agent:main:home", true },
	{ "{session: {mainKey: 'home'}}", "agent:x:main", "x",
	  "agent:x:home", true },
	{ "{session: {mainKey: 'home'}}", "agent:x:home", "x",
	  "agent:x:home", true },
	{ "{session: {mainKey: 'home'}}", "agent:main:homes", "main",
	  "agent:main:homes", false },
	{ "{session: {mainKey: ''}}", NULL, "main", "agent:main:main", true },
	/* session.scope global: the main session is global */
	{ "{session: {scope: 'global'}}", NULL, "main", "global", true },
	{ "{session: {scope: 'global'}}", "global", "main", "global", true },
	{ "{session: {scope: 'global'}}", "main", "main", "global", true },
	{ "{session: {scope: 'global'}}", "agent:main:main", "main", "global",
	  true },
	{ "{session: {scope: 'global'}}", "agent:main:x", "main",
	  "agent:main:x", false },
	{ "{session: {scope: 'per-sender'}}", "global", "main",
	  "agent:main:global", false },
};

START_TEST(test_key_has_one_canonical_form)
{
	struct cfg *cfg = rig_json5(keys[_i].config);
	struct pol_session *session = rig_session(cfg, keys[_i].given);

	ck_assert_str_eq(session->key, keys[_i].key);
	ck_assert_str_eq(session->agent_id, keys[_i].agent);
	ck_assert_int_eq(session->is_main, keys[_i].is_main);
	pol_session_free(session);
	cfg_free(cfg);
}
END_TEST

START_TEST(test_agent_and_key_must_agree)
{
	struct cfg *cfg = rig_json5("{" TWO "}");
	struct err err = ERR_INIT;
	struct pol_session *session;

	session = pol_session_new(cfg, NULL, "First", &err);
	ck_assert_ptr_nonnull(session);
	ck_assert_str_eq(session->key, "agent:first:main");
	pol_session_free(session);
	session = pol_session_new(cfg, "x", "first", &err);
	ck_assert_ptr_nonnull(session);
	ck_assert_str_eq(session->key, "agent:first:x");
	pol_session_free(session);
	session = pol_session_new(cfg, "agent:first:x", "first", &err);
	ck_assert_ptr_nonnull(session);
	pol_session_free(session);
	ck_assert_ptr_null(pol_session_new(cfg, "agent:first:x", "work team",
					   &err));
	ck_assert_int_eq(err.code, ERR_BAD_REQUEST);
	ck_assert_ptr_null(pol_session_new(cfg, "telegram:1", "first", &err));
	cfg_free(cfg);
}
END_TEST

/* Keys that are none, and the word that says why. */
static const struct {
	const char *key;
	const char *why;
} bad_keys[] = {
	{ "", "empty" },
	{ "   ", "empty" },
	{ "\xe3\x80\x80", "empty" },
	{ "a\nb", "byte 2 is a control character" },
	{ "main\n", "byte 5 is a control character" },
	{ "\tmain", "byte 1 is a control character" },
	{ "agent:main:\x1b[31m", "byte 12 is a control character" },
	{ "agent:main:\x7f", "byte 12 is a control character" },
	{ "agent:main:\xc2\x9b", "byte 12 is a control character" },
	{ "agent:main:\xff", "byte 12 is no UTF-8" },
	{ "agent:main:\xc0\xaf", "byte 12 is no UTF-8" },
	{ "agent:main:\xed\xa0\x80", "byte 12 is no UTF-8" },
	{ "agent:main:\xe6\x97", "byte 12 is no UTF-8" },
};

START_TEST(test_key_that_is_none_is_refused)
{
	struct cfg *cfg = rig_load(NULL, NULL);
	struct err err = ERR_INIT;

	ck_assert_ptr_null(pol_session_new(cfg, bad_keys[_i].key, NULL, &err));
	ck_assert_int_eq(err.code, ERR_BAD_REQUEST);
	ck_assert_msg(strstr(err.text, bad_keys[_i].why), "%s", err.text);
	cfg_free(cfg);
}
END_TEST

START_TEST(test_key_of_ten_kilobytes_is_refused)
{
	struct cfg *cfg = rig_load(NULL, NULL);
	struct err err = ERR_INIT;
	char key[10001];
	struct pol_session *session;

	memset(key, 'k', sizeof(key));
	memcpy(key, "agent:main:", 11);
	key[10000] = '\0';
	ck_assert_ptr_null(pol_session_new(cfg, key, NULL, &err));
	ck_assert_int_eq(err.code, ERR_BAD_REQUEST);
	ck_assert_str_eq(err.text, "session key: longer than 512 bytes");
	key[POL_KEY_MAX_BYTES] = '\0';
	session = pol_session_new(cfg, key, NULL, &err);
	ck_assert_ptr_nonnull(session);
	ck_assert_str_eq(session->key, key);
	pol_session_free(session);
	cfg_free(cfg);
}
END_TEST

/* scope key: shared, the session key, or agent:<id>; name: prefix + slug
 * (shared for the shared scope), cut at 63 */
static const struct {
	const char *sandbox;
	const char *key;
	const char *scope_key;
	const char *name;
	const char *workspace;
} scopes[] = {
	{ "scope: 'session'", "agent:main:whatsapp:group:1",
	  "agent:main:whatsapp:group:1",
	  "openclaw-sbx-agent-main-whatsapp-group-1-b6fd968a",
	  "/home/u/.openclaw/sandboxes/agent-main-whatsapp-group-1-b6fd968a" },
	{ "scope: 'session'", "main", "agent:main:main",
	  "openclaw-sbx-agent-main-main-20ceb99b",
	  "/home/u/.openclaw/sandboxes/agent-main-main-20ceb99b" },
	{ "scope: 'agent'", "agent:main:x", "agent:main",
	  "openclaw-sbx-agent-main-0d71ad7a",
	  "/home/u/.openclaw/sandboxes/agent-main-0d71ad7a" },
	{ "scope: 'shared'", "agent:main:x", "shared", "openclaw-sbx-shared",
	  "/home/u/.openclaw/sandboxes" },
	{ "scope: 'shared', workspaceRoot: '/tmp/w/'", "agent:main:x",
	  "shared", "openclaw-sbx-shared", "/tmp/w" },
	{ "scope: 'agent', workspaceRoot: '~/w'", "agent:main:x", "agent:main",
	  "openclaw-sbx-agent-main-0d71ad7a",
	  "/home/u/w/agent-main-0d71ad7a" },
	{ "scope: 'agent', workspaceAccess: 'rw'", "agent:main:x",
	  "agent:main", "openclaw-sbx-agent-main-0d71ad7a",
	  "/home/u/.openclaw/workspace" },
	{ "scope: 'session', docker: {containerPrefix: "
	  "'a-prefix-of-thirty-and-more-characters-'}",
	  "agent:main:whatsapp:group:1", "agent:main:whatsapp:group:1",
	  "a-prefix-of-thirty-and-more-characters-agent-main-whatsapp-grou",
	  "/home/u/.openclaw/sandboxes/agent-main-whatsapp-group-1-b6fd968a" },
};

START_TEST(test_scope_gives_key_name_and_workspace)
{
	char text[512];
	struct pol_session *session;
	struct cfg *cfg;

	(void)snprintf(text, sizeof(text), "{agents: {defaults: {sandbox: "
		       "{mode: 'all', %s}}}}", scopes[_i].sandbox);
	cfg = rig_json5(text);
	session = rig_session(cfg, scopes[_i].key);
	ck_assert_str_eq(session->scope_key, scopes[_i].scope_key);
	ck_assert_str_eq(session->name, scopes[_i].name);
	ck_assert_uint_le(strlen(session->name), 63);
	ck_assert_str_eq(session->sandbox_workspace, scopes[_i].workspace);
	pol_session_free(session);
	cfg_free(cfg);
}
END_TEST

START_TEST(test_agents_do_not_share_the_global_session)
{
	struct cfg *cfg = rig_json5("{session: {scope: 'global'}, agents: "
				    "{defaults: {sandbox: {mode: 'all', "
				    "scope: 'session'}}, list: [{id: 'a'}, "
				    "{id: 'b'}]}}");
	struct pol_session *a = rig_session(cfg, "agent:a:main");
	struct pol_session *b = rig_session(cfg, "agent:b:main");

	ck_assert_str_eq(a->key, "global");
	ck_assert_str_eq(b->key, "global");
	ck_assert_str_ne(a->name, b->name);
	pol_session_free(a);
	pol_session_free(b);
	cfg_free(cfg);
}
END_TEST

static const struct {
	const char *key;
	const char *channel;
} channels[] = {
	{ "agent:main:whatsapp:group:1", "whatsapp" },
	{ "agent:main:Telegram:dm:1", "telegram" },
	{ "agent:main:webchat", "webchat" },
	{ "agent:main:imessage:x", "imessage" },
	{ "agent:main:main", NULL },
	{ "agent:main:telegrams:1", NULL },
	{ "agent:main:tele:1", NULL },
	{ "telegram:1", NULL },
};

START_TEST(test_channel_is_the_first_part_of_the_rest)
{
	struct cfg *cfg = rig_load(NULL, NULL);
	struct pol_session *session = rig_session(cfg, channels[_i].key);

	if (channels[_i].channel)
		ck_assert_str_eq(session->channel, channels[_i].channel);
	else
		ck_assert_ptr_null(session->channel);
	pol_session_free(session);
	cfg_free(cfg);
}
END_TEST

START_TEST(test_session_key_is_told_from_a_plain_name)
{
	struct cfg *cfg = rig_json5("{session: {mainKey: 'home'}}");

	ck_assert(pol_is_session_key(cfg, "agent:main:x"));
	ck_assert(pol_is_session_key(cfg, "telegram:1"));
	ck_assert(pol_is_session_key(cfg, "main"));
	ck_assert(pol_is_session_key(cfg, "home"));
	ck_assert(!pol_is_session_key(cfg, "global"));
	ck_assert(!pol_is_session_key(cfg, "build"));
	cfg_free(cfg);
	cfg = rig_json5("{session: {scope: 'global'}}");
	ck_assert(pol_is_session_key(cfg, "global"));
	cfg_free(cfg);
}
END_TEST

/* Bytes, most of them such as keys have. */
static void random_key(char *key, size_t len, uint32_t *state)
{
	static const char often[] = "agent:main:ABC-_. /\xe6\x97\xa5\xff";

	for (size_t i = 0; i < len; i++) {
		*state = *state * 1664525U + 1013904223U;
		key[i] = *state >> 30 ? often[(*state >> 16) %
					      (sizeof(often) - 1)]
				      : (char)(*state >> 16);
		if (!key[i])
			key[i] = ':';
	}
	key[len] = '\0';
}

START_TEST(test_any_key_gives_a_safe_name_or_an_error)
{
	struct cfg *cfg = rig_json5("{agents: {defaults: {sandbox: {mode: "
				    "'all', scope: 'session'}}}}");
	unsigned long rounds = test_rounds(200000), good = 0;
	uint32_t state = 7;
	char key[64];

	for (unsigned long i = 0; i < rounds; i++) {
		struct pol_session *session;
		struct err err = ERR_INIT;

		random_key(key, i % 40, &state);
		session = pol_session_new(cfg, key, NULL, &err);
		ck_assert(session || err.code == ERR_BAD_REQUEST);
		if (!session)
			continue;
		good++;
		ck_assert_uint_eq(strspn(session->name,
					 "abcdefghijklmnopqrstuvwxyz"
					 "0123456789._-"),
				  strlen(session->name));
		ck_assert_ptr_null(strstr(session->sandbox_workspace +
					  strlen("/home/u/.openclaw/sandboxes/"),
					  "/"));
		pol_session_free(session);
	}
	ck_assert_uint_gt(good, 0);
	ck_assert_uint_lt(good, rounds);
	cfg_free(cfg);
}
END_TEST

#define LOOP(tcase, test, table) \
	tcase_add_loop_test(tcase, test, 0, sizeof(table) / sizeof((table)[0]))

Suite *test_suite(void)
{
	Suite *suite = suite_create("policy-sessions");
	TCase *tcase = tcase_create("sessions");

	LOOP(tcase, test_agent_id_is_folded, ids);
	LOOP(tcase, test_slug_of_key_is_a_safe_name, slugs);
	LOOP(tcase, test_key_has_one_canonical_form, keys);
	tcase_add_test(tcase, test_agent_and_key_must_agree);
	LOOP(tcase, test_key_that_is_none_is_refused, bad_keys);
	tcase_add_test(tcase, test_key_of_ten_kilobytes_is_refused);
	LOOP(tcase, test_scope_gives_key_name_and_workspace, scopes);
	tcase_add_test(tcase, test_agents_do_not_share_the_global_session);
	LOOP(tcase, test_channel_is_the_first_part_of_the_rest, channels);
	tcase_add_test(tcase, test_session_key_is_told_from_a_plain_name);
	tcase_add_test(tcase, test_any_key_gives_a_safe_name_or_an_error);
	suite_add_tcase(suite, tcase);
	return suite;
}
