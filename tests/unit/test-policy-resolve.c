// SPDX-License-Identifier: Apache-2.0
/*
 * Each key of a sandbox: its default, its merge, where it is from.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/policy-rig.h"
#include "tests/unit/runner.h"

#define NONE NULL
#define JSON5 "creel.json5"
#define TOML "creel.toml"

/* What holds where nothing is set. */
static const struct {
	const char *file;
	enum pol_value value;
	const char *want;
} defaults[] = {
	/* mode: off in a JSON5 file, all without a file and in TOML */
	{ JSON5, POL_MODE, "'off'" },
	{ TOML, POL_MODE, "'all'" },
	{ NONE, POL_MODE, "'all'" },
	/* neither scope nor perSession: agent */
	{ JSON5, POL_SCOPE, "'agent'" },
	{ NONE, POL_SCOPE, "'agent'" },
	{ JSON5, POL_ACCESS, "'none'" },
	{ JSON5, POL_WORKSPACE_ROOT, "'/home/u/.openclaw/sandboxes'" },
	{ "openclaw.json", POL_WORKSPACE_ROOT,
	  "'/home/u/.openclaw/sandboxes'" },
	{ "moltbot.json", POL_WORKSPACE_ROOT, "'/home/u/.moltbot/sandboxes'" },
	{ TOML, POL_WORKSPACE_ROOT, "'" RIG_STATE "/sandboxes'" },
	{ NONE, POL_WORKSPACE_ROOT, "'" RIG_STATE "/sandboxes'" },
	{ JSON5, POL_WORKSPACE, "'/home/u/.openclaw/workspace'" },
	{ "moltbot.json", POL_WORKSPACE, "'/home/u/clawd'" },
	{ NONE, POL_WORKSPACE, "'" RIG_STATE "/workspace'" },
	{ JSON5, POL_MEDIA_ROOT, "'/home/u/.openclaw/media'" },
	{ "moltbot.json", POL_MEDIA_ROOT, "'/home/u/.moltbot/media'" },
	{ NONE, POL_MEDIA_ROOT, "'" RIG_STATE "/media'" },
	{ JSON5, POL_IMAGE, "'openclaw-sandbox:bookworm-slim'" },
	{ JSON5, POL_PREFIX, "'openclaw-sbx-'" },
	{ JSON5, POL_WORKDIR, "'/workspace'" },
	{ JSON5, POL_READ_ONLY_ROOT, "true" },
	{ JSON5, POL_TMPFS, "['/tmp','/var/tmp','/run']" },
	{ JSON5, POL_NETWORK, "'none'" },
	/* user: unset is root inside; 1000:1000 without M's configuration */
	{ JSON5, POL_USER, "'0:0'" },
	{ TOML, POL_USER, "'1000:1000'" },
	{ NONE, POL_USER, "'1000:1000'" },
	{ JSON5, POL_CAP_DROP, "['ALL']" },
	{ JSON5, POL_ENV, "{LANG:'C.UTF-8'}" },
	{ JSON5, POL_SETUP_COMMAND, "unset" },
	{ JSON5, POL_PIDS_LIMIT, "unset" },
	{ JSON5, POL_MEMORY, "unset" },
	{ JSON5, POL_MEMORY_SWAP, "unset" },
	{ JSON5, POL_CPUS, "unset" },
	{ JSON5, POL_ULIMITS, "unset" },
	{ JSON5, POL_SECCOMP_PROFILE, "unset" },
	{ JSON5, POL_APPARMOR_PROFILE, "unset" },
	{ JSON5, POL_DNS, "unset" },
	{ JSON5, POL_EXTRA_HOSTS, "unset" },
	{ JSON5, POL_BINDS, "unset" },
	{ JSON5, POL_ENFORCEMENT, "'strict'" },
	{ JSON5, POL_PRUNE_IDLE, "24" },
	{ JSON5, POL_PRUNE_AGE, "7" },
};

static struct cfg *empty(const char *file)
{
	return rig_load(file, file && strstr(file, ".toml") ? "" : "{}");
}

START_TEST(test_default_of_a_value)
{
	struct cfg *cfg = empty(defaults[_i].file);
	struct pol_session *session = rig_session(cfg, NULL);
	enum pol_value value = defaults[_i].value;

	ck_assert_str_eq(rig_value(session, value), defaults[_i].want);
	ck_assert_int_eq(session->origins[value].level, POL_LEVEL_DEFAULT);
	ck_assert_uint_eq(session->origins[value].pos.line, 0);
	pol_session_free(session);
	cfg_free(cfg);
}
END_TEST

START_TEST(test_every_value_is_in_the_table_of_keys)
{
	struct cfg *cfg = empty(NULL);
	struct pol_session *session = rig_session(cfg, NULL);

	for (int i = 0; i < POL_VALUE_COUNT; i++) {
		ck_assert_ptr_nonnull(pol_value_key((enum pol_value)i));
		ck_assert_ptr_nonnull(session->origins[i].key);
	}
	pol_session_free(session);
	cfg_free(cfg);
}
END_TEST

/* The global value, the agent's, what comes of them, and where it is from:
 * they are on lines 2 and 3 of the file. */
static const struct {
	const char *global;
	const char *agent;
	enum pol_value value;
	const char *want;
	enum pol_level level;
} merges[] = {
	/* per key the agent's value wins over the default's */
	{ "mode: 'all'", "", POL_MODE, "'all'", POL_LEVEL_GLOBAL },
	{ "mode: 'all'", "mode: 'off'", POL_MODE, "'off'", POL_LEVEL_AGENT },
	{ "", "mode: 'non-main'", POL_MODE, "'non-main'", POL_LEVEL_AGENT },
	{ "scope: 'session'", "", POL_SCOPE, "'session'", POL_LEVEL_GLOBAL },
	{ "scope: 'session'", "scope: 'shared'", POL_SCOPE, "'shared'",
	  POL_LEVEL_AGENT },
	/* an unset scope with perSession: true is session, with false shared */
	{ "perSession: true", "", POL_SCOPE, "'session'", POL_LEVEL_GLOBAL },
	{ "perSession: false", "", POL_SCOPE, "'shared'", POL_LEVEL_GLOBAL },
	{ "perSession: true", "perSession: false", POL_SCOPE, "'shared'",
	  POL_LEVEL_AGENT },
	{ "scope: 'agent'", "perSession: true", POL_SCOPE, "'agent'",
	  POL_LEVEL_GLOBAL },
	{ "workspaceAccess: 'ro'", "workspaceAccess: 'rw'", POL_ACCESS,
	  "'rw'", POL_LEVEL_AGENT },
	{ "workspaceRoot: '~/a'", "workspaceRoot: '/b/'", POL_WORKSPACE_ROOT,
	  "'/b'", POL_LEVEL_AGENT },
	{ "workspaceRoot: '~/a'", "", POL_WORKSPACE_ROOT, "'/home/u/a'",
	  POL_LEVEL_GLOBAL },
	{ "docker: {image: 'x'}", "docker: {image: 'y'}", POL_IMAGE, "'y'",
	  POL_LEVEL_AGENT },
	{ "docker: {readOnlyRoot: false}", "", POL_READ_ONLY_ROOT, "false",
	  POL_LEVEL_GLOBAL },
	{ "docker: {tmpfs: ['/a', '/b']}", "docker: {tmpfs: ['/c']}",
	  POL_TMPFS, "['/c']", POL_LEVEL_AGENT },
	{ "docker: {tmpfs: ['/tmp:size=64m,mode=1777']}", "", POL_TMPFS,
	  "['/tmp:size=64m,mode=1777']", POL_LEVEL_GLOBAL },
	{ "docker: {network: 'host'}", "docker: {network: 'none'}",
	  POL_NETWORK, "'none'", POL_LEVEL_AGENT },
	{ "docker: {user: '1000:1000'}", "", POL_USER, "'1000:1000'",
	  POL_LEVEL_GLOBAL },
	{ "docker: {capDrop: ['ALL']}", "docker: {capDrop: ['NET_RAW']}",
	  POL_CAP_DROP, "['NET_RAW']", POL_LEVEL_AGENT },
	/* env: global merged with agent's; the default where neither is set */
	{ "docker: {env: {A: '1', B: '2'}}",
	  "docker: {env: {B: '3', C: '4'}}", POL_ENV,
	  "{A:'1',B:'3',C:'4'}", POL_LEVEL_AGENT },
	{ "docker: {env: {A: '1'}}", "", POL_ENV, "{A:'1'}",
	  POL_LEVEL_GLOBAL },
	{ "", "docker: {env: {A: '1'}}", POL_ENV, "{A:'1'}",
	  POL_LEVEL_AGENT },
	{ "docker: {env: {}}", "", POL_ENV, "{}", POL_LEVEL_GLOBAL },
	{ "docker: {setupCommand: 'a'}", "docker: {setupCommand: 'b'}",
	  POL_SETUP_COMMAND, "'b'", POL_LEVEL_AGENT },
	{ "docker: {memory: '512m'}", "docker: {memory: 1048576}", POL_MEMORY,
	  "1048576", POL_LEVEL_AGENT },
	/* ulimits: maps are merged */
	{ "docker: {ulimits: {nofile: 1024, nproc: '1:2'}}",
	  "docker: {ulimits: {nofile: {soft: 5, hard: 6}}}", POL_ULIMITS,
	  "{nproc:'1:2',nofile:{soft:5,hard:6}}", POL_LEVEL_AGENT },
	{ "docker: {dns: ['1.1.1.1']}", "docker: {dns: ['9.9.9.9']}", POL_DNS,
	  "['9.9.9.9']", POL_LEVEL_AGENT },
	{ "docker: {extraHosts: ['a:10.0.0.1']}", "", POL_EXTRA_HOSTS,
	  "['a:10.0.0.1']", POL_LEVEL_GLOBAL },
	/* binds: global then agent's, concatenated */
	{ "docker: {binds: ['/a:/a', '/b:/b:ro']}",
	  "docker: {binds: ['/c:/c']}", POL_BINDS,
	  "['/a:/a','/b:/b:ro','/c:/c']", POL_LEVEL_AGENT },
	/* under shared the agent's own docker and prune are ignored */
	{ "scope: 'shared', docker: {binds: ['/a:/a']}",
	  "docker: {binds: ['/c:/c']}", POL_BINDS, "['/a:/a']",
	  POL_LEVEL_GLOBAL },
	{ "scope: 'shared'", "docker: {memory: '1g'}", POL_MEMORY, "unset",
	  POL_LEVEL_DEFAULT },
	{ "docker: {image: 'x'}", "scope: 'shared', docker: {image: 'y'}",
	  POL_IMAGE, "'x'", POL_LEVEL_GLOBAL },
	{ "scope: 'shared'", "docker: {env: {A: '1'}}", POL_ENV,
	  "{LANG:'C.UTF-8'}", POL_LEVEL_DEFAULT },
	{ "scope: 'shared', prune: {idleHours: 5}", "prune: {idleHours: 6}",
	  POL_PRUNE_IDLE, "5", POL_LEVEL_GLOBAL },
	{ "scope: 'shared', workspaceAccess: 'ro'", "workspaceAccess: 'rw'",
	  POL_ACCESS, "'rw'", POL_LEVEL_AGENT },
	{ "prune: {idleHours: 0, maxAgeDays: 0}", "prune: {idleHours: 1.5}",
	  POL_PRUNE_IDLE, "1.5", POL_LEVEL_AGENT },
	{ "protectPaths: ['a']", "protectPaths: ['!.git/config']",
	  POL_PROTECT_PATHS, "['a','!.git/config']", POL_LEVEL_AGENT },
	{ "allowSocketBinds: ['/run/a.sock']", "", POL_SOCKET_BINDS,
	  "['/run/a.sock']", POL_LEVEL_GLOBAL },
	{ "limits: {enforcement: 'best-effort'}", "", POL_ENFORCEMENT,
	  "'best-effort'", POL_LEVEL_GLOBAL },
	{ "docker: {user: '1:1'}", "docker: {user: ''}", POL_USER, "'1:1'",
	  POL_LEVEL_GLOBAL },
	/* null is not set */
	{ "mode: 'all'", "mode: null", POL_MODE, "'all'", POL_LEVEL_GLOBAL },
};

static struct cfg *two_levels(const char *global, const char *agent)
{
	char text[1024];

	(void)snprintf(text, sizeof(text),
		       "{agents: {defaults: {sandbox: {\n%s}},\n"
		       "list: [{id: 'o'}, {id: 'main', default: true, sandbox: {\n%s}}]}}\n",
		       global, agent);
	return rig_json5(text);
}

START_TEST(test_value_of_two_levels)
{
	struct cfg *cfg = two_levels(merges[_i].global, merges[_i].agent);
	struct pol_session *session = rig_session(cfg, "main");
	const struct pol_origin *origin =
		&session->origins[merges[_i].value];

	ck_assert_str_eq(rig_value(session, merges[_i].value),
			 merges[_i].want);
	ck_assert_int_eq(origin->level, merges[_i].level);
	switch (merges[_i].level) {
	case POL_LEVEL_AGENT:
		ck_assert_int_eq(strncmp(origin->key,
					 "agents.list[1].sandbox.", 23), 0);
		ck_assert_uint_eq(origin->pos.line, 4);
		break;
	case POL_LEVEL_GLOBAL:
		ck_assert_int_eq(strncmp(origin->key,
					 "agents.defaults.sandbox.", 24), 0);
		ck_assert_uint_eq(origin->pos.line, 2);
		break;
	case POL_LEVEL_DEFAULT:
	case POL_LEVEL_INVALID:
		ck_assert_uint_eq(origin->pos.line, 0);
		break;
	}
	pol_session_free(session);
	cfg_free(cfg);
}
END_TEST

START_TEST(test_origin_has_key_line_and_column)
{
	struct cfg *cfg = rig_json5(
		"{\n  session: {mainKey: 'home'},\n  agents: {\n"
		"    defaults: {\n      workspace: '~/w',\n"
		"      sandbox: {\n        mode: 'all', perSession: true,\n"
		"        docker: {\n"
		"          memory: '512m', cpus: 0.5,\n        },\n      },\n"
		"    },\n    list: [\n      {id: 'main', sandbox: {\n"
		"          docker: {\n            cpus: 2,\n"
		"          }}},\n    ],\n  },\n}\n");
	struct pol_session *session = rig_session(cfg, NULL);

	ck_assert_str_eq(rig_origin(session, POL_MODE),
			 "agents.defaults.sandbox.mode 7:9");
	ck_assert_str_eq(rig_origin(session, POL_SCOPE),
			 "agents.defaults.sandbox.perSession 7:22");
	ck_assert_str_eq(rig_origin(session, POL_WORKSPACE),
			 "agents.defaults.workspace 5:7");
	ck_assert_str_eq(rig_origin(session, POL_MEMORY),
			 "agents.defaults.sandbox.docker.memory 9:11");
	ck_assert_str_eq(rig_origin(session, POL_CPUS),
			 "agents.list[0].sandbox.docker.cpus 16:13");
	ck_assert_str_eq(rig_origin(session, POL_NETWORK),
			 "agents.defaults.sandbox.docker.network built in");
	ck_assert_str_eq(rig_origin(session, POL_MEDIA_ROOT),
			 "media.root built in");
	pol_session_free(session);
	cfg_free(cfg);
}
END_TEST

START_TEST(test_origin_in_toml)
{
	struct cfg *cfg = rig_load("creel.toml",
		"[agents.defaults.sandbox]\nscope = \"session\"\n"
		"docker.memory = \"1g\"\n\n[[agents.list]]\nid = \"main\"\n"
		"[agents.list.sandbox.docker]\n  cpus = 1.5\n");
	struct pol_session *session = rig_session(cfg, NULL);

	ck_assert_str_eq(rig_origin(session, POL_SCOPE),
			 "agents.defaults.sandbox.scope 2:1");
	ck_assert_uint_eq(session->origins[POL_MEMORY].pos.line, 3);
	ck_assert_str_eq(rig_origin(session, POL_CPUS),
			 "agents.list[0].sandbox.docker.cpus 8:3");
	ck_assert_int_eq(session->mode, POL_MODE_ALL);
	ck_assert_uint_eq(session->cpu_usec, 150000);
	ck_assert_uint_eq(session->memory, 1 << 30);
	pol_session_free(session);
	cfg_free(cfg);
}
END_TEST

/* mode, whether it is the main session, whether that is sandboxed */
static const struct {
	const char *mode;
	const char *key;
	bool sandboxed;
} modes[] = {
	{ "off", "main", false },
	{ "off", "agent:main:x", false },
	{ "non-main", "main", false },
	{ "non-main", "agent:main:main", false },
	{ "non-main", "agent:main:home", false },
	{ "non-main", "agent:main:whatsapp:group:1", true },
	{ "non-main", "telegram:1", true },
	{ "all", "main", true },
	{ "all", "agent:main:x", true },
};

START_TEST(test_mode_says_which_sessions_are_sandboxed)
{
	struct pol_session *session;
	struct cfg *cfg;
	char text[256];

	(void)snprintf(text, sizeof(text), "{session: {mainKey: 'HOME '}, "
		       "agents: {defaults: {sandbox: {mode: '%s'}}}}",
		       modes[_i].mode);
	cfg = rig_json5(text);
	session = rig_session(cfg, modes[_i].key);
	ck_assert_int_eq(session->sandboxed, modes[_i].sandboxed);
	pol_session_free(session);
	cfg_free(cfg);
}
END_TEST

/* Docker's 14, without mknod, which no sandbox has. */
#define DOCKER 0xa00425fbULL
#define MKNOD (1ULL << 27)

static const struct {
	const char *drop;
	uint64_t keep;
} caps[] = {
	{ "['ALL']", 0 },
	{ "['all']", 0 },
	{ "['ALL', 'CHOWN']", 0 },
	{ "[]", DOCKER },
	{ "['NET_RAW']", DOCKER & ~(1ULL << 13) },
	{ "['cap_net_raw', 'Chown']", DOCKER & ~(1ULL << 13) & ~1ULL },
	{ "['SYS_ADMIN']", DOCKER },
	{ "['MKNOD']", DOCKER },
};

START_TEST(test_cap_drop_leaves_docker_s_less_the_list)
{
	struct pol_session *session;
	struct cfg *cfg;
	char text[256];

	(void)snprintf(text, sizeof(text), "docker: {capDrop: %s}",
		       caps[_i].drop);
	cfg = two_levels(text, "");
	session = rig_session(cfg, NULL);
	ck_assert_uint_eq(session->cap_keep, caps[_i].keep);
	ck_assert_uint_eq(session->cap_keep & MKNOD, 0);
	pol_session_free(session);
	cfg_free(cfg);
}
END_TEST

START_TEST(test_typed_members_of_a_session)
{
	struct cfg *cfg = two_levels(
		"mode: 'all', docker: {tmpfs: ['/tmp:size=64m,mode=1777'], "
		"env: {Z: 1, A: true}, ulimits: {nofile: '1024:2048', "
		"core: 0, nproc: {soft: 1, hard: 2}}, pidsLimit: 64, "
		"memory: '512m', memorySwap: -1, cpus: 0.5, "
		"extraHosts: ['db:10.0.0.9'], dns: ['1.1.1.1'], "
		"seccompProfile: '~/s.json', apparmorProfile: 'p', "
		"setupCommand: ['a', 'b'], setupTimeout: '90s', "
		"binds: ['~/src:/src:ro', '/mnt/c:/c'], network: 'bridge'}",
		"limits: {enforcement: 'best-effort'}, prune: {maxAgeDays: 0}");
	struct pol_session *s = rig_session(cfg, NULL);

	ck_assert_uint_eq(s->n_tmpfs, 1);
	ck_assert_str_eq(s->tmpfs[0].target, "/tmp");
	ck_assert_uint_eq(s->tmpfs[0].size, 64 << 20);
	ck_assert_uint_eq(s->tmpfs[0].mode, 01777);
	ck_assert_uint_eq(s->n_env, 2);
	ck_assert_str_eq(s->env[0], "A=true");
	ck_assert_str_eq(s->env[1], "Z=1");
	ck_assert_uint_eq(s->n_ulimits, 3);
	ck_assert_str_eq(s->ulimits[0].name, "core");
	ck_assert_str_eq(s->ulimits[1].name, "nofile");
	ck_assert_uint_eq(s->ulimits[1].soft, 1024);
	ck_assert_uint_eq(s->ulimits[1].hard, 2048);
	ck_assert_uint_eq(s->ulimits[2].hard, 2);
	ck_assert_uint_eq(s->pids, 64);
	ck_assert_uint_eq(s->memory, 512 << 20);
	ck_assert_uint_eq(s->memory_swap, UINT64_MAX);
	ck_assert_uint_eq(s->cpu_usec, 50000);
	ck_assert_str_eq(s->hosts[0].name, "db");
	ck_assert_str_eq(s->hosts[0].address, "10.0.0.9");
	ck_assert_str_eq(s->dns[0], "1.1.1.1");
	ck_assert_str_eq(s->seccomp_profile, "/home/u/s.json");
	ck_assert_str_eq(s->apparmor_profile, "p");
	ck_assert_str_eq(s->setup_command, "a\nb");
	ck_assert_uint_eq(s->setup_timeout_ms, 90000);
	ck_assert_uint_eq(s->n_binds, 2);
	ck_assert_str_eq(s->binds[0].source, "/home/u/src");
	ck_assert_str_eq(s->binds[0].target, "/src");
	ck_assert(s->binds[0].readonly);
	ck_assert(!s->binds[1].readonly);
	ck_assert_int_eq(s->network, POL_NET_OTHER);
	ck_assert_str_eq(s->network_name, "bridge");
	ck_assert(s->best_effort);
	ck_assert_double_eq(s->prune_max_age_days, 0);
	pol_session_free(s);
	cfg_free(cfg);
}
END_TEST

START_TEST(test_agent_without_workspace_has_one_of_its_own)
{
	struct cfg *cfg = rig_json5("{agents: {list: [{id: 'main'}, "
				    "{id: 'work'}, {id: 'x', workspace: "
				    "'~/xx'}]}}");
	static const char *const want[][2] = {
		{ "agent:main:a", "/home/u/.openclaw/workspace" },
		{ "agent:work:a", "/home/u/.openclaw/workspace-work" },
		{ "agent:ghost:a", "/home/u/.openclaw/workspace-ghost" },
		{ "agent:x:a", "/home/u/xx" },
	};

	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		struct pol_session *session = rig_session(cfg, want[i][0]);

		ck_assert_str_eq(session->agent_workspace, want[i][1]);
		pol_session_free(session);
	}
	cfg_free(cfg);
}
END_TEST

START_TEST(test_values_that_surprise_have_a_note)
{
	struct cfg *cfg = two_levels("scope: 'shared'",
				     "docker: {binds: ['/a:/a']}");
	struct pol_session *session = rig_session(cfg, NULL);

	ck_assert_str_eq(session->origins[POL_BINDS].note,
			 "the agent's own is passed over under scope shared");
	ck_assert_ptr_null(session->origins[POL_DNS].note);
	ck_assert_ptr_null(session->origins[POL_SCOPE].note);
	pol_session_free(session);
	cfg_free(cfg);
	cfg = rig_json5("{}");
	session = rig_session(cfg, NULL);
	ck_assert(strstr(session->origins[POL_SCOPE].note,
			 "one sandbox for each agent"));
	ck_assert(strstr(session->origins[POL_MODE].note, "off"));
	pol_session_free(session);
	cfg_free(cfg);
}
END_TEST

/* Two configurations, and whether a sandbox of one will do for the other. */
static const struct {
	const char *one;
	const char *other;
	bool same;
} hashes[] = {
	{ "", "", true },
	{ "", "docker: {memory: '1g'}", false },
	{ "docker: {memory: '1g'}", "docker: {memory: '1024m'}", true },
	{ "", "docker: {env: {LANG: 'C.UTF-8'}}", true },
	{ "docker: {env: {A: '1', B: '2'}}", "docker: {env: {B: '2', A: '1'}}",
	  true },
	{ "docker: {env: {A: '1'}}", "docker: {env: {A: '2'}}", false },
	{ "docker: {env: {A: 'B=C'}}", "docker: {env: {A: 'B', C: ''}}",
	  false },
	{ "docker: {binds: ['/a:/b']}", "docker: {binds: ['/a:/b:rw']}",
	  true },
	{ "docker: {binds: ['/a:/b']}", "docker: {binds: ['/a:/b:ro']}",
	  false },
	{ "docker: {setupCommand: 'a'}", "", false },
	{ "workspaceAccess: 'rw'", "", false },
	{ "workspaceRoot: '/w'", "", false },
	{ "protectPaths: ['x']", "", false },
	{ "mode: 'all'", "mode: 'non-main'", true },
	{ "prune: {idleHours: 1}", "", true },
};

START_TEST(test_hash_is_of_what_shapes_a_sandbox)
{
	struct cfg *one = two_levels(hashes[_i].one, "");
	struct cfg *other = two_levels(hashes[_i].other, "");
	struct pol_session *a = rig_session(one, "agent:main:x");
	struct pol_session *b = rig_session(other, "agent:main:x");

	ck_assert_int_eq(!memcmp(a->hash, b->hash, sizeof(a->hash)),
			 hashes[_i].same);
	pol_session_free(a);
	pol_session_free(b);
	cfg_free(one);
	cfg_free(other);
}
END_TEST

START_TEST(test_hash_of_a_shared_sandbox_is_one)
{
	static const char *const accesses[] = { "none", "ro" };

	for (size_t i = 0; i < 2; i++) {
		struct pol_session *a, *b;
		struct cfg *cfg;
		char text[128];

		(void)snprintf(text, sizeof(text),
			       "scope: 'shared', workspaceAccess: '%s'",
			       accesses[i]);
		cfg = two_levels(text, "docker: {memory: '1g'}");
		a = rig_session(cfg, "agent:main:x");
		b = rig_session(cfg, "agent:o:x");
		ck_assert_int_eq(!memcmp(a->hash, b->hash, sizeof(a->hash)),
				 i == 0);
		pol_session_free(a);
		pol_session_free(b);
		cfg_free(cfg);
	}
}
END_TEST

#define LOOP(tcase, test, table) \
	tcase_add_loop_test(tcase, test, 0, sizeof(table) / sizeof((table)[0]))

Suite *test_suite(void)
{
	Suite *suite = suite_create("policy-resolve");
	TCase *tcase = tcase_create("resolve");

	LOOP(tcase, test_default_of_a_value, defaults);
	tcase_add_test(tcase, test_every_value_is_in_the_table_of_keys);
	LOOP(tcase, test_value_of_two_levels, merges);
	tcase_add_test(tcase, test_origin_has_key_line_and_column);
	tcase_add_test(tcase, test_origin_in_toml);
	LOOP(tcase, test_mode_says_which_sessions_are_sandboxed, modes);
	LOOP(tcase, test_cap_drop_leaves_docker_s_less_the_list, caps);
	tcase_add_test(tcase, test_typed_members_of_a_session);
	tcase_add_test(tcase, test_agent_without_workspace_has_one_of_its_own);
	tcase_add_test(tcase, test_values_that_surprise_have_a_note);
	LOOP(tcase, test_hash_is_of_what_shapes_a_sandbox, hashes);
	tcase_add_test(tcase, test_hash_of_a_shared_sandbox_is_one);
	suite_add_tcase(suite, tcase);
	return suite;
}
