/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a configuration and a session key to what applies to that session, each
 * value with its origin.  Pure: reads the configuration, touches nothing else.
 */
#ifndef CONTROLLER_POLICY_RESOLVE_H
#define CONTROLLER_POLICY_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/config/config.h"
#include "proto/err.h"

#define POL_KEY_MAX_BYTES 512   /* a longer session key is refused */
#define POL_SLUG_BYTES (32 + 1 + 8 + 1)
#define POL_NAME_MAX_BYTES 63
#define POL_HASH_BYTES 32       /* SHA-256 */

enum pol_mode {
	POL_MODE_INVALID = 0,
	POL_MODE_OFF,
	POL_MODE_NON_MAIN,
	POL_MODE_ALL,
};
enum pol_scope {
	POL_SCOPE_INVALID = 0,
	POL_SCOPE_SESSION,
	POL_SCOPE_AGENT,
	POL_SCOPE_SHARED,
};
enum pol_access {
	POL_ACCESS_INVALID = 0,
	POL_ACCESS_NONE,
	POL_ACCESS_RO,
	POL_ACCESS_RW,
};
enum pol_network {
	POL_NET_INVALID = 0,
	POL_NET_NONE,
	POL_NET_HOST,
	POL_NET_OTHER,
};
enum pol_level {
	POL_LEVEL_INVALID = 0,
	POL_LEVEL_DEFAULT,
	POL_LEVEL_GLOBAL,
	POL_LEVEL_AGENT,
};

/* The resolved values; the order is that of explain. */
enum pol_value {
	POL_MODE = 0,
	POL_SCOPE,
	POL_ACCESS,
	POL_WORKSPACE_ROOT,
	POL_WORKSPACE, /* the agent's */
	POL_IMAGE,
	POL_PREFIX,
	POL_WORKDIR,
	POL_READ_ONLY_ROOT,
	POL_TMPFS,
	POL_NETWORK,
	POL_USER,
	POL_CAP_DROP,
	POL_ENV,
	POL_SETUP_COMMAND,
	POL_SETUP_TIMEOUT,
	POL_PIDS_LIMIT,
	POL_MEMORY,
	POL_MEMORY_SWAP,
	POL_CPUS,
	POL_ULIMITS,
	POL_SECCOMP_PROFILE,
	POL_APPARMOR_PROFILE,
	POL_DNS,
	POL_EXTRA_HOSTS,
	POL_BINDS,
	POL_SOCKET_BINDS,   /* allowSocketBinds */
	POL_ALLOW_PATHS,    /* allowProtectedBinds */
	POL_PROTECT_PATHS,
	POL_ENFORCEMENT,    /* limits.enforcement */
	POL_PRUNE_IDLE,
	POL_PRUNE_AGE,
	POL_BROWSER_ENABLED,
	POL_BROWSER_IMAGE,
	POL_BROWSER_CONTAINER_PREFIX,
	POL_BROWSER_CDP_PORT,
	POL_BROWSER_VNC_PORT,
	POL_BROWSER_NO_VNC_PORT,
	POL_BROWSER_HEADLESS,
	POL_BROWSER_ENABLE_NO_VNC,
	POL_BROWSER_ALLOW_HOST_CONTROL,
	POL_BROWSER_ALLOWED_CONTROL_URLS,
	POL_BROWSER_ALLOWED_CONTROL_HOSTS,
	POL_BROWSER_ALLOWED_CONTROL_PORTS,
	POL_BROWSER_AUTO_START,
	POL_BROWSER_AUTO_START_TIMEOUT_MS,
	POL_MEDIA_ROOT,
	POL_VALUE_COUNT,
};

struct pol_origin {
	enum pol_level level;
	const char *key;    /* the key that decided, or that would: "agents.defaults.sandbox.mode" */
	struct cfg_pos pos; /* line 0: built in */
	const char *note;   /* a sentence where the value surprises, or NULL */
};

struct pol_session {
	struct cfg_tree *mem;     /* owned: everything below is in it or in the configuration */
	const struct cfg *cfg;    /* borrowed */
	const struct cfg_agent *agent; /* NULL: implied by its id alone */
	char agent_id[CFG_AGENT_ID_MAX + 1];
	const char *key;          /* canonical session key */
	const char *given;        /* as it was given */
	const char *main_key;     /* canonical main session key of that agent */
	bool is_main;
	bool sandboxed;
	const char *scope_key;    /* shared, agent:ID, or the session's key */
	char slug[POL_SLUG_BYTES];
	char name[POL_NAME_MAX_BYTES + 1]; /* of the sandbox */
	const char *channel;      /* telegram, ..., or NULL */

	enum pol_mode mode;
	enum pol_scope scope;
	bool has_per_session, per_session;
	enum pol_access access;
	const char *workspace_root;    /* absolute */
	const char *agent_workspace;   /* absolute */
	const char *sandbox_workspace; /* absolute: what is seen at workdir */
	const char *media_root;        /* absolute */
	const char *image;
	const char *prefix;
	const char *workdir;
	bool read_only_root;
	const struct cfg_tmpfs *tmpfs;
	size_t n_tmpfs;
	enum pol_network network;
	const char *network_name;      /* as written */
	const char *user;              /* "0:0" where none is set */
	const char *const *cap_drop;
	size_t n_cap_drop;
	uint64_t cap_keep;             /* Docker's 14 less cap_drop less what no sandbox has */
	const char *const *env;        /* NAME=VALUE, sorted by name */
	size_t n_env;
	const char *setup_command;     /* NULL: none */
	uint64_t setup_timeout_ms;
	/* 0: not set; memory_swap as Docker's, UINT64_MAX unlimited */
	uint64_t pids, memory, memory_swap;
	uint64_t cpu_usec;             /* in each 100,000 */
	const struct cfg_ulimit *ulimits;
	size_t n_ulimits;
	const char *seccomp_profile;   /* absolute path; NULL none */
	const char *apparmor_profile;
	const char *const *dns;
	size_t n_dns;
	const struct cfg_host *hosts;
	size_t n_hosts;
	const struct cfg_bind *binds;
	size_t n_binds;
	const char *const *socket_binds;
	size_t n_socket_binds;
	const char *const *allow_paths;
	size_t n_allow_paths;
	const char *const *protect_paths; /* as written: "x" adds, "!x" opens, "!*" clears */
	size_t n_protect_paths;
	bool best_effort;
	double prune_idle_hours, prune_max_age_days;

	const struct cfg_node *values[POL_VALUE_COUNT]; /* merged; NULL: not set */
	struct pol_origin origins[POL_VALUE_COUNT];
	uint8_t hash[POL_HASH_BYTES]; /* docker section, access, both workspaces; see creel.conf(5) */
};

/*
 * @key: as the user gave it: "agent:ID:REST", "main", any other text. NULL: the
 *       main session of @agent (NULL: of the default agent).
 *
 * Return: owned, pol_session_free(); NULL with @err: BAD_REQUEST for a key with
 * control characters, invalid UTF-8 or more than POL_KEY_MAX_BYTES.
 */
struct pol_session *pol_session_new(const struct cfg *cfg, const char *key,
				    const char *agent, struct err *err);
void pol_session_free(struct pol_session *session);

/* sessions.c: pure text */
void pol_agent_fold(const char *text, char id[CFG_AGENT_ID_MAX + 1]);
void pol_slug(const char *key, char slug[POL_SLUG_BYTES]);
/* Is it a session's key rather than a sandbox's plain name? Has a colon, or is
 * an alias of the default agent's main session. */
bool pol_is_session_key(const struct cfg *cfg, const char *text);
const char *pol_mode_name(enum pol_mode mode);
const char *pol_scope_name(enum pol_scope scope);
const char *pol_access_name(enum pol_access access);
/* "docker.memory" and the like, for messages and explain. */
const char *pol_value_key(enum pol_value value);

#endif
