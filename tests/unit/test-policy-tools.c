// SPDX-License-Identifier: Apache-2.0
/*
 * Tools: names, groups, profiles, the stages, refusals, elevated.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/policy/stage.h"
#include "tests/unit/policy-rig.h"
#include "tests/unit/runner.h"

#define GROUP "agent:main:whatsapp:group:1"

/* Which of creel's tools a session may use, in the order of the table. */
static const char *const tools[] = {
	"exec", "process", "read", "write", "edit", "apply_patch", "browser",
	"canvas", "nodes", "cron", "message", "gateway", "agents_list",
	"sessions_list", "sessions_history", "sessions_send",
	"sessions_spawn", "session_status", "memory_search", "memory_get",
	"web_search", "web_fetch", "image", "slack", "whatsapp_login",
};

#define ALL_TOOLS \
	"exec process read write edit apply_patch browser canvas nodes " \
	"cron message gateway agents_list sessions_list sessions_history " \
	"sessions_send sessions_spawn session_status memory_search " \
	"memory_get web_search web_fetch image slack whatsapp_login"
#define CODING \
	"exec process read write edit apply_patch sessions_list " \
	"sessions_history sessions_send sessions_spawn session_status " \
	"memory_search memory_get image"
#define MESSAGING \
	"message sessions_list sessions_history sessions_send session_status"
#define SANDBOX_DEFAULT \
	"exec process read write edit apply_patch sessions_list " \
	"sessions_history sessions_send sessions_spawn session_status image"
#define NON_MAIN "defaults: {sandbox: {mode: 'non-main'}}"

struct asked {
	struct cfg *cfg;
	struct pol_session *session;
	struct pol_policy *policy;
};

static struct asked ask(const char *text, const char *key,
			const struct pol_tool_request *about)
{
	struct asked asked = { rig_json5(text), NULL, NULL };

	asked.session = rig_session(asked.cfg, key);
	asked.policy = pol_policy_new(asked.session, about);
	ck_assert_ptr_nonnull(asked.policy);
	return asked;
}

static void done(struct asked *asked)
{
	pol_policy_free(asked->policy);
	pol_session_free(asked->session);
	cfg_free(asked->cfg);
}

static const char *allowed(const struct pol_policy *policy)
{
	static char text[1024];
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++) {
		struct pol_decision decision;

		pol_policy_decide(policy, tools[i], &decision);
		if (decision.allowed)
			len += (size_t)snprintf(text + len, sizeof(text) - len,
						"%s%s", len ? " " : "",
						tools[i]);
	}
	return text;
}

/* configuration, session, provider: what may be used */
static const struct {
	const char *config;
	const char *key;
	const char *provider;
	const char *want;
} rows[] = {
	{ "{}", "main", NULL, ALL_TOOLS },
	/* deny wins */
	{ "{tools: {allow: ['read', 'exec'], deny: ['exec']}}", "main", NULL,
	  "read" },
	/* a non-empty allow blocks the rest; an empty one does not */
	{ "{tools: {allow: ['read']}}", "main", NULL, "read" },
	{ "{tools: {allow: [], deny: ['slack']}}", "main", NULL,
	  "exec process read write edit apply_patch browser canvas nodes "
	  "cron message gateway agents_list sessions_list sessions_history "
	  "sessions_send sessions_spawn session_status memory_search "
	  "memory_get web_search web_fetch image whatsapp_login" },
	/* names are trimmed, lower-cased; aliases */
	{ "{tools: {allow: [' READ ', 'Bash', 'apply-patch']}}", "main", NULL,
	  "exec read apply_patch" },
	/* apply_patch is allowed where exec is */
	{ "{tools: {allow: ['exec']}}", "main", NULL, "exec apply_patch" },
	{ "{tools: {allow: ['exec'], deny: ['apply_patch']}}", "main", NULL,
	  "exec" },
	{ "{tools: {sandbox: {tools: {allow: ['exec']}}}, agents: {" NON_MAIN
	  "}}", GROUP, NULL, "exec image" },
	/* patterns: * matches any run of characters */
	{ "{tools: {allow: ['sess*_*t*', 'w*e']}}", "main", NULL,
	  "write sessions_list sessions_history session_status" },
	{ "{tools: {allow: ['*'], deny: ['*_*']}}", "main", NULL,
	  "exec process read write edit browser canvas nodes cron message "
	  "gateway image slack" },
	/* groups */
	{ "{tools: {allow: ['group:memory']}}", "main", NULL,
	  "memory_search memory_get" },
	{ "{tools: {allow: ['group:web']}}", "main", NULL,
	  "web_search web_fetch" },
	{ "{tools: {allow: ['group:fs']}}", "main", NULL,
	  "read write edit apply_patch" },
	{ "{tools: {allow: ['group:runtime']}}", "main", NULL,
	  "exec process apply_patch" },
	{ "{tools: {allow: ['group:sessions']}}", "main", NULL,
	  "sessions_list sessions_history sessions_send sessions_spawn "
	  "session_status" },
	{ "{tools: {allow: ['group:ui']}}", "main", NULL, "browser canvas" },
	{ "{tools: {allow: ['group:automation']}}", "main", NULL,
	  "cron gateway" },
	{ "{tools: {allow: ['group:messaging']}}", "main", NULL, "message" },
	{ "{tools: {allow: ['group:nodes']}}", "main", NULL, "nodes" },
	{ "{tools: {allow: ['GROUP:OpenClaw']}}", "main", NULL,
	  "browser canvas nodes cron message gateway agents_list "
	  "sessions_list sessions_history sessions_send sessions_spawn "
	  "session_status memory_search memory_get web_search web_fetch "
	  "image" },
	{ "{tools: {allow: ['group:none', 'read']}}", "main", NULL, "read" },
	/* profiles */
	{ "{tools: {profile: 'minimal'}}", "main", NULL, "session_status" },
	{ "{tools: {profile: 'coding'}}", "main", NULL, CODING },
	{ "{tools: {profile: 'messaging'}}", "main", NULL, MESSAGING },
	{ "{tools: {profile: 'full'}}", "main", NULL, ALL_TOOLS },
	/* stage 1: the agent's profile, else the global one */
	{ "{tools: {profile: 'minimal'}, agents: {list: [{id: 'main', tools: "
	  "{profile: 'messaging'}}]}}", "main", NULL, MESSAGING },
	/* with that level's alsoAllow added */
	{ "{tools: {profile: 'minimal', alsoAllow: ['group:ui']}}", "main",
	  NULL, "browser canvas session_status" },
	{ "{tools: {profile: 'minimal', alsoAllow: ['read']}, agents: {list: "
	  "[{id: 'main', tools: {profile: 'minimal', alsoAllow: ['write']}}]"
	  "}}", "main", NULL, "write session_status" },
	/* stage 2: the provider's profile, provider/model first */
	{ "{tools: {byProvider: {openai: {profile: 'minimal'}}}}", "main",
	  "openai", "session_status" },
	{ "{tools: {byProvider: {openai: {profile: 'minimal'}}}}", "main",
	  "openai/gpt-5", "session_status" },
	{ "{tools: {byProvider: {openai: {profile: 'minimal'}, "
	  "'openai/gpt-5': {profile: 'messaging'}}}}", "main",
	  "openai/gpt-5", MESSAGING },
	{ "{tools: {byProvider: {openai: {profile: 'minimal'}}}}", "main",
	  "anthropic", ALL_TOOLS },
	{ "{tools: {byProvider: {openai: {profile: 'minimal'}}}}", "main",
	  NULL, ALL_TOOLS },
	{ "{tools: {byProvider: {' OpenAI ': {profile: 'minimal'}}}}", "main",
	  "OPENAI", "session_status" },
	{ "{tools: {byProvider: {'openrouter/a/b': {profile: 'minimal'}}}}",
	  "main", "openrouter/a/b", "session_status" },
	/* stage 3: tools.allow and tools.deny; alsoAllow beside a missing
	 * allow counts as * plus its entries */
	{ "{tools: {alsoAllow: ['read']}}", "main", NULL, ALL_TOOLS },
	/* stage 4: the provider's lists */
	{ "{tools: {byProvider: {x: {allow: ['read', 'edit'], deny: "
	  "['edit']}}}}", "main", "x/y", "read" },
	/* stage 5: the agent's lists */
	{ "{tools: {allow: ['read', 'edit']}, agents: {list: [{id: 'main', "
	  "tools: {allow: ['edit', 'write']}}]}}", "main", NULL, "edit" },
	{ "{agents: {list: [{id: 'main', tools: {deny: ['*s*', '*e*', "
	  "'*a*']}}]}}", "main", NULL, "cron" },
	/* stage 6: the agent's lists for the provider */
	{ "{agents: {list: [{id: 'main', tools: {byProvider: {x: {allow: "
	  "['read']}}}}]}}", "main", "x", "read" },
	/* stage 7: the sandbox policy, only when sandboxed */
	{ "{agents: {" NON_MAIN "}}", "main", NULL, ALL_TOOLS },
	{ "{agents: {" NON_MAIN "}}", GROUP, NULL, SANDBOX_DEFAULT },
	{ "{tools: {sandbox: {tools: {allow: ['*']}}}, agents: {" NON_MAIN
	  "}}", GROUP, NULL,
	  "exec process read write edit apply_patch message agents_list "
	  "sessions_list sessions_history sessions_send sessions_spawn "
	  "session_status memory_search memory_get web_search web_fetch "
	  "image whatsapp_login" },
	/* an explicit empty allow becomes [image] */
	{ "{tools: {sandbox: {tools: {allow: []}}}, agents: {" NON_MAIN "}}",
	  GROUP, NULL, "image" },
	{ "{tools: {sandbox: {tools: {allow: ['read'], deny: ['image']}}}, "
	  "agents: {" NON_MAIN "}}", GROUP, NULL, "read" },
	/* the agent's list replaces the global one, each on its own */
	{ "{tools: {sandbox: {tools: {allow: ['read'], deny: ['exec']}}}, "
	  "agents: {" NON_MAIN ", list: [{id: 'main', tools: {sandbox: "
	  "{tools: {allow: ['exec', 'edit']}}}}]}}", GROUP, NULL,
	  "edit image" },
	{ "{tools: {sandbox: {tools: {allow: ['read'], deny: ['exec']}}}, "
	  "agents: {" NON_MAIN ", list: [{id: 'main', tools: {sandbox: "
	  "{tools: {deny: ['read']}}}}]}}", GROUP, NULL, "image" },
	/* stage 8: subagents */
	{ "{}", "agent:main:subagent:1", NULL,
	  "exec process read write edit apply_patch browser canvas nodes "
	  "message web_search web_fetch image slack" },
	{ "{tools: {subagents: {tools: {deny: ['group:fs', 'browser']}}}}",
	  "agent:main:subagent:1", NULL,
	  "exec process canvas nodes message web_search web_fetch image "
	  "slack" },
	{ "{tools: {subagents: {tools: {allow: ['read', 'cron'], deny: "
	  "[]}}}}", "agent:main:subagent:1", NULL, "read" },
	/* stages only take away: what one refuses no other gives back */
	{ "{tools: {deny: ['exec'], sandbox: {tools: {allow: ['exec', "
	  "'read']}}}, agents: {" NON_MAIN "}}", GROUP, NULL, "read image" },
	/* workspaceAccess ro: write, edit and apply_patch are not offered */
	{ "{agents: {defaults: {sandbox: {mode: 'non-main', workspaceAccess: "
	  "'ro'}}}}", GROUP, NULL,
	  "exec process read sessions_list sessions_history sessions_send "
	  "sessions_spawn session_status image" },
	{ "{agents: {defaults: {sandbox: {mode: 'non-main', workspaceAccess: "
	  "'ro'}}}}", "main", NULL, ALL_TOOLS },
};

START_TEST(test_tools_that_a_session_may_use)
{
	struct pol_tool_request about = { .provider = rows[_i].provider };
	struct asked asked = ask(rows[_i].config, rows[_i].key, &about);

	ck_assert_str_eq(allowed(asked.policy), rows[_i].want);
	done(&asked);
}
END_TEST

static const struct {
	const char *pattern;
	const char *name;
	bool match;
} globs[] = {
	{ "*", "", true },	     { "", "", true },
	{ "", "a", false },	     { "a", "a", true },
	{ "a", "ab", false },	     { "a*", "a", true },
	{ "*a", "ba", true },	     { "*a", "ab", false },
	{ "a*b*c", "aXbYc", true },  { "a*b*c", "aXbY", false },
	{ "a*bc", "abcbc", true },   { "**", "x", true },
	{ "a.c", "abc", false },     { "[a]", "a", false },
	{ "a?c", "abc", false },     { "*aab", "aaaaab", true },
};

START_TEST(test_glob_matches_the_whole_name)
{
	ck_assert_int_eq(pol_glob_match(globs[_i].pattern, globs[_i].name),
			 globs[_i].match);
}
END_TEST

static void list_text(const struct pol_list *list, char *text, size_t size)
{
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < list->count; i++)
		len += (size_t)snprintf(text + len, size - len, "%s%s",
					len ? " " : "", list->names[i]);
}

/* the sandbox policy: groups expanded, duplicates dropped, order kept */
static const struct {
	const char *global, *agent;
	const char *allow, *deny;
	enum pol_level allow_level, deny_level;
	const char *allow_key, *deny_key;
} policies[] = {
	{ "{}", "{}",
	  "exec process read write edit apply_patch image sessions_list "
	  "sessions_history sessions_send sessions_spawn session_status",
	  "browser canvas nodes cron gateway telegram whatsapp discord "
	  "googlechat slack signal imessage",
	  POL_LEVEL_DEFAULT, POL_LEVEL_DEFAULT, "tools.sandbox.tools.allow",
	  "tools.sandbox.tools.deny" },
	{ "{allow: ['read', 'write', 'apply_patch', 'exec'], deny: []}", "{}",
	  "read write apply_patch exec image", "", POL_LEVEL_GLOBAL,
	  POL_LEVEL_GLOBAL, "tools.sandbox.tools.allow",
	  "tools.sandbox.tools.deny" },
	{ "{allow: ['a']}", "{deny: ['b']}", "a image", "b", POL_LEVEL_GLOBAL,
	  POL_LEVEL_AGENT, "tools.sandbox.tools.allow",
	  "agents.list[].tools.sandbox.tools.deny" },
	{ "{allow: ['a'], deny: ['c']}", "{allow: []}", "image", "c",
	  POL_LEVEL_AGENT, POL_LEVEL_GLOBAL,
	  "agents.list[].tools.sandbox.tools.allow",
	  "tools.sandbox.tools.deny" },
	{ "{allow: ['Edit', 'group:fs', 'bash', 'edit'], deny: ['IMAGE']}",
	  "{}", "edit read write apply_patch exec", "image",
	  POL_LEVEL_GLOBAL, POL_LEVEL_GLOBAL, "tools.sandbox.tools.allow",
	  "tools.sandbox.tools.deny" },
	{ "{allow: ['image', 'x']}", "{}", "image x",
	  "browser canvas nodes cron gateway telegram whatsapp discord "
	  "googlechat slack signal imessage",
	  POL_LEVEL_GLOBAL, POL_LEVEL_DEFAULT, "tools.sandbox.tools.allow",
	  "tools.sandbox.tools.deny" },
};

START_TEST(test_sandbox_policy_has_lists_with_sources)
{
	const struct pol_list *allow, *deny;
	char config[512], text[512];
	struct asked asked;

	(void)snprintf(config, sizeof(config), "{tools: {sandbox: {tools: %s"
		       "}}, agents: {list: [{id: 'main', tools: {sandbox: "
		       "{tools: %s}}}]}}", policies[_i].global,
		       policies[_i].agent);
	asked = ask(config, "main", NULL);
	allow = pol_policy_list(asked.policy, POL_STAGE_SANDBOX, false);
	deny = pol_policy_list(asked.policy, POL_STAGE_SANDBOX, true);
	list_text(allow, text, sizeof(text));
	ck_assert_str_eq(text, policies[_i].allow);
	list_text(deny, text, sizeof(text));
	ck_assert_str_eq(text, policies[_i].deny);
	ck_assert_int_eq(allow->level, policies[_i].allow_level);
	ck_assert_int_eq(deny->level, policies[_i].deny_level);
	ck_assert_str_eq(allow->key, policies[_i].allow_key);
	ck_assert_str_eq(deny->key, policies[_i].deny_key);
	done(&asked);
}
END_TEST

/* A refusal: tool, mode, session, reason, each key that would change it. */
static const struct {
	const char *config;
	const char *key;
	const char *tool;
	const char *text;
} refusals[] = {
	{ "{agents: {" NON_MAIN "}}", GROUP, " Browser ",
	  "Tool \"browser\" blocked by sandbox tool policy (mode=non-main).\n"
	  "Session: agent:main:whatsapp:group:1\n"
	  "Reason: deny list + allow list\n"
	  "Fix:\n"
	  "- agents.defaults.sandbox.mode: off (no sandbox) (FILE:1)\n"
	  "- tools.sandbox.tools.deny: set it, without the tool\n"
	  "- tools.sandbox.tools.allow: set it, with the tool\n"
	  "- or use the main session, which has no sandbox: "
	  "agent:main:main\n" },
	{ "{tools: {deny: ['exec'],\nsandbox: {tools: {allow: ['read']}}},\n"
	  "agents: {list: [{id: 'main', sandbox: {\nmode: 'all'}}]}}", GROUP,
	  "bash",
	  "Tool \"exec\" blocked by global tool policy (mode=all).\n"
	  "Session: agent:main:whatsapp:group:1\n"
	  "Reason: deny list\n"
	  "Also: sandbox tool policy: allow list\n"
	  "Fix:\n"
	  "- tools.deny: take the tool off (FILE:1)\n"
	  "- agents.list[].sandbox.mode: off (no sandbox) (FILE:4)\n"
	  "- tools.sandbox.tools.allow: put the tool on (FILE:2)\n" },
	{ "{tools: {\nprofile: 'minimal'}}", "main", "exec",
	  "Tool \"exec\" blocked by tool profile (mode=off).\n"
	  "Session: agent:main:main\n"
	  "Reason: allow list\n"
	  "Fix:\n"
	  "- tools.profile: choose another, or full (FILE:2)\n"
	  "- tools.alsoAllow: put the tool on\n" },
	{ "{agents: {list: [{id: 'main', tools: {deny: ['exec']}}]}}", "main",
	  "exec",
	  "Tool \"exec\" blocked by agent's tool policy (mode=off).\n"
	  "Session: agent:main:main\n"
	  "Reason: deny list\n"
	  "Fix:\n"
	  "- agents.list[].tools.deny: take the tool off (FILE:1)\n" },
	{ "{}", "agent:main:subagent:x", "cron",
	  "Tool \"cron\" blocked by subagent tool policy (mode=off).\n"
	  "Session: agent:main:subagent:x\n"
	  "Reason: deny list\n"
	  "Fix:\n"
	  "- none: a session that another one spawned never has it\n" },
	{ "{agents: {defaults: {sandbox: {mode: 'all',\n"
	  "workspaceAccess: 'ro'}}}}", "main", "edit",
	  "Tool \"edit\" blocked by workspace access (mode=all).\n"
	  "Session: agent:main:main\n"
	  "Reason: the workspace is read-only\n"
	  "Fix:\n"
	  "- agents.defaults.sandbox.workspaceAccess: rw, or none (FILE:2)\n"
	  "- agents.defaults.sandbox.mode: off (no sandbox) (FILE:1)\n" },
	{ "{}", "main", "read", "Tool \"read\" is allowed.\n" },
	{ "{}", "main", "  ", "Tool \"\": no tool is called so.\n" },
};

START_TEST(test_refusal_says_why_and_what_would_change_it)
{
	struct asked asked = ask(refusals[_i].config, refusals[_i].key, NULL);
	struct pol_decision decision;
	const char *want = refusals[_i].text;
	char *text, *got;
	size_t len;

	pol_policy_decide(asked.policy, refusals[_i].tool, &decision);
	text = pol_decision_text(asked.policy, &decision);
	ck_assert_ptr_nonnull(text);
	/* The file is a temporary one. */
	len = strlen(asked.cfg->path);
	while ((got = strstr(text, asked.cfg->path))) {
		memcpy(got, "FILE", 4);
		memmove(got + 4, got + len, strlen(got + len) + 1);
	}
	ck_assert_str_eq(text, want);
	free(text);
	done(&asked);
}
END_TEST

START_TEST(test_name_that_is_too_long_is_no_tool)
{
	struct asked asked = ask("{tools: {allow: ['*']}}", "main", NULL);
	struct pol_decision decision;
	char name[300];

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	pol_policy_decide(asked.policy, name, &decision);
	ck_assert(!decision.allowed);
	ck_assert_uint_eq(decision.n_refusals, 0);
	done(&asked);
}
END_TEST

#define ELEVATED(global, agent) \
	"{tools: {elevated: " global "}, agents: {list: [{id: 'main', " \
	"tools: {elevated: " agent "}}]}}"

static const struct {
	const char *config;
	const char *key, *sender;
	bool enabled, by_config, always, allowed;
	const char *failures; /* gate=key, separated by blanks */
} elevated[] = {
	{ "{}", "main", NULL, true, false, false, false, "" },
	{ "{}", GROUP, NULL, true, false, false, false,
	  "allowFrom=tools.elevated.allowFrom.whatsapp" },
	{ ELEVATED("{allowFrom: {whatsapp: ['+1']}}", "{}"), GROUP, "+1", true,
	  true, false, true, "" },
	{ ELEVATED("{allowFrom: {whatsapp: ['+1']}}", "{}"), GROUP, "+2", true,
	  true, false, false, "" },
	{ ELEVATED("{allowFrom: {whatsapp: ['+1']}}", "{}"), GROUP, NULL, true,
	  true, false, false, "" },
	{ ELEVATED("{allowFrom: {whatsapp: [17, '*']}}", "{}"), GROUP, "+2",
	  true, true, true, true, "" },
	{ ELEVATED("{allowFrom: {whatsapp: [17]}}", "{}"), GROUP, "17", true,
	  true, false, true, "" },
	{ ELEVATED("{allowFrom: {telegram: ['*']}}", "{}"), GROUP, NULL, true,
	  false, false, false, "allowFrom=tools.elevated.allowFrom.whatsapp" },
	{ ELEVATED("{allowFrom: {whatsapp: [' ']}}", "{}"), GROUP, NULL, true,
	  false, false, false, "allowFrom=tools.elevated.allowFrom.whatsapp" },
	{ ELEVATED("{enabled: false, allowFrom: {whatsapp: ['*']}}", "{}"),
	  GROUP, NULL, false, false, false, false,
	  "enabled=tools.elevated.enabled" },
	{ ELEVATED("{allowFrom: {whatsapp: ['*']}}", "{enabled: false}"),
	  GROUP, NULL, false, false, false, false,
	  "enabled=agents.list[].tools.elevated.enabled" },
	{ ELEVATED("{enabled: false}", "{enabled: false}"), "main", NULL,
	  false, false, false, false, "enabled=tools.elevated.enabled "
	  "enabled=agents.list[].tools.elevated.enabled" },
	/* where the agent sets it, the sender must be in both */
	{ ELEVATED("{allowFrom: {whatsapp: ['*']}}",
		   "{allowFrom: {whatsapp: ['+1']}}"), GROUP, "+1", true, true,
	  false, true, "" },
	{ ELEVATED("{allowFrom: {whatsapp: ['*']}}",
		   "{allowFrom: {whatsapp: ['+1']}}"), GROUP, "+2", true, true,
	  false, false, "" },
	{ ELEVATED("{allowFrom: {whatsapp: ['*']}}",
		   "{allowFrom: {telegram: ['*']}}"), GROUP, "+1", true, false,
	  false, false,
	  "allowFrom=agents.list[].tools.elevated.allowFrom.whatsapp" },
};

START_TEST(test_elevated_needs_every_gate)
{
	struct pol_tool_request about = { .sender = elevated[_i].sender };
	struct asked asked = ask(elevated[_i].config, elevated[_i].key, NULL);
	struct pol_elevated got;
	char text[512] = "";
	size_t len = 0;

	pol_elevated_resolve(asked.session, &about, &got);
	ck_assert_int_eq(got.enabled, elevated[_i].enabled);
	ck_assert_int_eq(got.allowed_by_config, elevated[_i].by_config);
	ck_assert_int_eq(got.always_allowed_by_config, elevated[_i].always);
	ck_assert_int_eq(got.allowed, elevated[_i].allowed);
	for (size_t i = 0; i < got.n_failures; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"%s%s=%s", len ? " " : "",
					got.failures[i].gate,
					got.failures[i].key);
	ck_assert_str_eq(text, elevated[_i].failures);
	done(&asked);
}
END_TEST

#define LOOP(tcase, test, table) \
	tcase_add_loop_test(tcase, test, 0, sizeof(table) / sizeof((table)[0]))

Suite *test_suite(void)
{
	Suite *suite = suite_create("policy-tools");
	TCase *tcase = tcase_create("tools");

	LOOP(tcase, test_tools_that_a_session_may_use, rows);
	LOOP(tcase, test_glob_matches_the_whole_name, globs);
	LOOP(tcase, test_sandbox_policy_has_lists_with_sources, policies);
	LOOP(tcase, test_refusal_says_why_and_what_would_change_it, refusals);
	tcase_add_test(tcase, test_name_that_is_too_long_is_no_tool);
	LOOP(tcase, test_elevated_needs_every_gate, elevated);
	suite_add_tcase(suite, tcase);
	return suite;
}
