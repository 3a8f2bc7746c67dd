/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys that creel knows: one row a key.  Validation, resolution, `config
 * show`, `explain` and creel.conf(5) are all made from this table.
 */
#ifndef CONTROLLER_CONFIG_SCHEMA_H
#define CONTROLLER_CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/config/tree.h"

/*
 * Where a row's path begins.  A row of CFG_IN_SANDBOX is a key of
 * agents.defaults.sandbox and of agents.list[].sandbox, and so on: written
 * once, valid at both levels.
 */
enum cfg_place {
	CFG_IN_INVALID = 0,
	CFG_IN_ROOT,    /* path as it is: session.mainKey, tools.python_exec.* */
	CFG_IN_AGENT,   /* agents.list[].*  (id, default, name, workspace) */
	CFG_IN_DEFAULTS,/* agents.defaults.* and agents.list[].* */
	CFG_IN_SANDBOX, /* agents.defaults.sandbox.* and agents.list[].sandbox.* */
	CFG_IN_TOOLS,   /* tools.* and agents.list[].tools.* */
	CFG_IN_PROVIDER,/* tools.byProvider.<p>.* and the agent's */
};

enum cfg_kind {
	CFG_KIND_INVALID = 0,
	CFG_KIND_BOOL,
	CFG_KIND_INTEGER,  /* min..max */
	CFG_KIND_NUMBER,   /* a float or integer, min..max */
	CFG_KIND_STRING,
	CFG_KIND_ENUM,     /* one of choices */
	CFG_KIND_SIZE,     /* 512m, 1g, 64kb: powers of 1024; gives bytes */
	CFG_KIND_BYTES,    /* 64KB is 64000, 2MiB is 2097152; gives bytes */
	CFG_KIND_DURATION, /* 30, 30s, 5m, 2h; gives milliseconds */
	CFG_KIND_PATH,     /* of the host: ~ expanded, absolute */
	CFG_KIND_PATH_LIST,
	CFG_KIND_TARGET,   /* a path inside: absolute, no ~ */
	CFG_KIND_STRINGS,  /* an array of strings */
	CFG_KIND_STRING_OR_STRINGS,
	CFG_KIND_MAP,      /* an object of strings (numbers and booleans are taken as text) */
	CFG_KIND_ULIMITS,  /* an object of limits, see creel.conf(5) */
	CFG_KIND_BIND_LIST,
	CFG_KIND_TMPFS_LIST,
	CFG_KIND_HOST_LIST,/* host:ip */
	CFG_KIND_ADDRESS_LIST,
	CFG_KIND_CAP_LIST,
	CFG_KIND_NAME,     /* what a sandbox's name may begin with, or nothing */
	CFG_KIND_USER,     /* UID[:GID] or a name */
	CFG_KIND_PROTECT_LIST, /* PATH, !PATH, !* below a workspace */
	CFG_KIND_PORT_LIST,
	CFG_KIND_LISTS,    /* an object of arrays of strings or numbers */
	CFG_KIND_OPEN,     /* an object whose members are not looked at */
};

enum cfg_merge {
	CFG_MERGE_REPLACE = 0, /* the agent's wins */
	CFG_MERGE_MAP,         /* member by member */
	CFG_MERGE_CONCAT,      /* the global list, then the agent's */
	CFG_MERGE_BOTH,        /* each has its say, and either can refuse */
};

struct cfg_key {
	const char *path; /* within its place: "docker.memory" */
	enum cfg_place place;
	enum cfg_kind kind;
	enum cfg_merge merge;
	/*
	 * The default: the text of a string, JSON5 of anything else; in
	 * parentheses it is words, and cfg_fallback() works it out.
	 */
	const char *fallback;
	const char *const *choices; /* of an enum */
	double min, max;            /* where max > min */
	const char *help;           /* one or more sentences for creel.conf(5) */
};

/* The rows in the manual's order; NULL after the last. */
const struct cfg_key *cfg_key_at(size_t index);
const struct cfg_key *cfg_key_find(enum cfg_place place, const char *path);
/* The position in that order. */
size_t cfg_key_index(const struct cfg_key *key);
/* "agents.defaults.sandbox.docker.memory" and, where there is one, the
 * agent's: "agents.list[].sandbox.docker.memory".  Returns how many. */
size_t cfg_key_paths(const struct cfg_key *key, char paths[2][96]);

/*
 * Values, checked and in units.  What is returned borrows from the tree.
 */
struct cfg_tmpfs {
	const char *target;
	uint64_t size; /* 0: default */
	uint32_t mode; /* 0: default */
	bool noexec;
};
struct cfg_bind {
	const char *source; /* as written, ~ expanded */
	const char *target;
	bool readonly;
	/* That asks for it, where it is not docker.binds: what is not there is
	 * not bound then. NULL: it is. */
	const char *key;
};
struct cfg_ulimit {
	const char *name;
	uint64_t soft, hard; /* UINT64_MAX: unlimited */
};
struct cfg_host {
	const char *name;
	const char *address;
};

int cfg_value_size(const struct cfg_node *node, uint64_t *bytes);
/* memorySwap's: as a size, and -1 is UINT64_MAX: unlimited. */
int cfg_value_swap(const struct cfg_node *node, uint64_t *bytes);
int cfg_value_bytes(const struct cfg_node *node, uint64_t *bytes);
/* A scalar as text, as an environment variable has it; in @tree. */
const char *cfg_value_text(struct cfg_tree *tree, const struct cfg_node *node);
/* Processors as microseconds in each 100,000. */
int cfg_value_cpus(const struct cfg_node *node, uint64_t *usec);
int cfg_value_duration(const struct cfg_node *node, uint64_t *msec);
int cfg_value_tmpfs(struct cfg_tree *tree, const struct cfg_node *node,
		    struct cfg_tmpfs *out);
int cfg_value_bind(struct cfg_tree *tree, const struct cfg_node *node,
		   const char *home, struct cfg_bind *out);
/* @node: a member of ulimits; its key is the name. */
int cfg_value_ulimit(const struct cfg_node *node, struct cfg_ulimit *out);
int cfg_value_host(struct cfg_tree *tree, const struct cfg_node *node,
		   struct cfg_host *out);
/* These return -1 without a message; this says what would be right. */
const char *cfg_kind_expects(enum cfg_kind kind);
/* "sys_admin" of "CAP_SYS_ADMIN": the number, or -1; "all" is CFG_CAP_ALL. */
#define CFG_CAP_ALL 64
int cfg_value_cap(const char *name);

/* Checks a whole file's tree; adds every problem that there is. */
int cfg_schema_check(const struct cfg_node *root, bool toml,
		     struct cfg_problems *problems);

/* The nearest known name, or NULL where none is near. */
const char *cfg_nearest(const char *name, const char *const *names,
			size_t count);

#endif
