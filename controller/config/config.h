/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration as it is in force: found, read, checked, merged with its
 * drop-ins, its agents indexed.  Immutable once loaded.
 */
#ifndef CONTROLLER_CONFIG_CONFIG_H
#define CONTROLLER_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/config/schema.h"
#include "controller/config/tree.h"

#define CFG_AGENT_ID_MAX 64

struct cfg_stamps;

enum cfg_syntax {
	CFG_SYNTAX_NONE = 0, /* no file: built-in defaults */
	CFG_SYNTAX_JSON5,
	CFG_SYNTAX_TOML,
};

struct cfg_where {
	const char *file;        /* --config; NULL */
	const char *env;         /* $CREEL_CONFIG; NULL or "" */
	const char *config_home; /* $XDG_CONFIG_HOME; NULL: HOME/.config */
	const char *home;        /* absolute */
	const char *sysconfdir;  /* the folder that holds creel/ : CREEL_SYSCONFDIR */
};

/*
 * Which file it is.  *path: owned, absolute; NULL where there is none, which
 * is no error.  -1: named but missing, or two syntaxes at one level.
 */
int cfg_find(const struct cfg_where *where, char **path,
	     struct cfg_problems *problems);

struct cfg_agent {
	char id[CFG_AGENT_ID_MAX + 1];
	const struct cfg_node *node; /* agents.list[i]; NULL: only implied */
	size_t index;                /* in agents.list */
};

struct cfg {
	char *path;   /* owned; NULL: none */
	char *home;   /* owned */
	char *state_dir; /* owned; creel's, absolute: $XDG_STATE_HOME/creel */
	enum cfg_syntax syntax;
	struct cfg_tree *tree;            /* owned */
	struct cfg_node *root; /* merged, without nulls; empty where there is no file */
	const struct cfg_node *defaults;  /* agents.defaults or NULL */
	const struct cfg_node *sandbox;   /* agents.defaults.sandbox or NULL */
	const struct cfg_node *tools;     /* tools or NULL */
	struct cfg_agent *agents;         /* owned; in file order */
	size_t n_agents;
	const char *default_agent;        /* an id: default: true, else the first, else "main" */
	const struct cfg_node *agent_index; /* id to its place in agents */
	const struct cfg_node **fallbacks; /* of each row; in the tree */
	struct cfg_stamps *stamps;        /* owned: of all files and of conf.d */
	uint64_t loaded_ms;
	struct cfg_problems problems;     /* warnings, and the names of the files */
};

/*
 * Reads @path (NULL: defaults alone) and conf.d/ beside it.
 *
 * Refused: a file that is not the caller's or root's, that others can write,
 * or whose folder others can write (sticky folders of root's excepted).
 *
 * Return: an owned configuration, or NULL with problems that have errors.
 */
struct cfg *cfg_load(const char *path, const char *home,
		     const char *state_dir, struct cfg_problems *problems);
void cfg_free(struct cfg *cfg);

/* Has a file changed, come or gone since? By stat(2) alone: microseconds. */
bool cfg_changed(const struct cfg *cfg);

/* NULL where the list has none of that id (which must be folded already). */
const struct cfg_agent *cfg_agent_find(const struct cfg *cfg, const char *id);

/* By dotted path from an object: "docker.memory"; NULL where there is none,
 * and for null. */
const struct cfg_node *cfg_get(const struct cfg_node *object,
			       const char *path);

/*
 * The default of a key as a value, as if the file said it: those that depend on
 * the syntax or on the file's name (mode, workspaceRoot, docker.user, ...) are
 * worked out.  NULL where it is unset.
 */
const struct cfg_node *cfg_fallback(const struct cfg *cfg,
				    const struct cfg_key *key);

/* An id as it is compared: CFG_AGENT_ID_MAX characters of [a-z0-9_-]. */
void cfg_agent_fold(const char *text, char id[CFG_AGENT_ID_MAX + 1]);

/* "FILE:LINE", or "built in", for messages. */
void cfg_pos_text(const struct cfg *cfg, const struct cfg_pos *pos,
		  char *text, size_t size);

/* ~ and ~/x expanded; anything else copied. In the tree's arena. */
const char *cfg_expand(const struct cfg *cfg, const char *text);

#endif
