/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running Python as tools.python_exec says: which interpreter, isolated how,
 * with which environment, in a fresh folder.
 */
#ifndef CONTROLLER_TOOLS_PYTHON_H
#define CONTROLLER_TOOLS_PYTHON_H

#include "controller/compat/firejail.h"
#include "controller/tools/artifact.h"
#include "controller/tools/backend.h"

#define PYTHON_KEY "tools.python_exec."
#define PYTHON_FOLDER_BYTES 40
/* sh -c this, and the folder: part of it may have been made unwritable. */
#define PYTHON_CLEAN \
	"rm -rf -- \"$1\" 2>/dev/null || " \
	"{ chmod -R u+rwx -- \"$1\" 2>/dev/null; rm -rf -- \"$1\"; }"
#define PYTHON_MAX_RLIMITS (5 + JAIL_MAX_ULIMITS)

enum python_mode {
	PYTHON_MODE_INVALID = 0,
	PYTHON_MODE_NONE,
	PYTHON_MODE_BASIC,
	PYTHON_MODE_RLIMIT,
	PYTHON_MODE_CGROUP,
	PYTHON_MODE_JAIL,
};

struct python_run {
	struct cfg_tree *mem; /* owned: what is made for it */
	enum python_mode mode;
	const char *mode_name;
	const char *python;   /* argv[0]: a path, or python3 */
	const char *key;      /* that names it; NULL: none does */
	const char *folder;   /* absolute; it is there once the command runs */
	bool made;            /* it is */
	int cleanings;        /* that were tried */
	const char *error_code; /* how the call ends when it is removed */
	const char *error_text;
	bool shared;          /* it is below artifacts_jail_shared_dir */
	const char *const *prefix; /* words before the interpreter */
	size_t n_prefix;
	bool jailed;          /* jail is used */
	struct tool_jail jail;
	struct cfg_ulimit ulimits[PYTHON_MAX_RLIMITS];
	struct tool_command command;
	tool_outcome_fn *done;
};

/* What is to be run. */
struct python_code {
	const char *code;
	const char *const *args; /* NULL-terminated; NULL none */
	const char *input;
	size_t input_len;
	uint64_t timeout_ms;
	uint64_t max_output;
};

/* The state of a call that runs Python begins with it. */
struct python_state {
	struct artifact_holder holder;
	struct python_run run;
	void (*cleaned)(struct tool_call *call);
};
struct python_run *python_of(struct tool_call *call);

/* The folder of a call, from its token: half of it, so that nobody can guess. */
void python_folder(const uint8_t *token, char folder[PYTHON_FOLDER_BYTES]);
/* Does a tool of that name have one? */
bool python_has_folder(const char *tool);
/* Whether it is offered in a configuration. */
bool python_offered(const struct cfg *cfg);
/* Whether it is run in a sandbox that firejail's flags describe. */
bool python_jailed(const struct cfg *cfg);
enum python_mode python_mode(const struct cfg *cfg, const char **name);
/*
 * @run: zeroed; python_run_fini() in any case
 * @shared: the folder is to be where the host sees it, of a jail
 *
 * -1: the call has been ended with an error.
 */
int python_run_init(struct tool_call *call, struct python_run *run,
		    bool shared);
void python_run_fini(struct python_run *run);
/* @done: once, perhaps before it returns; the folder is there until
 * python_run_clean(). */
void python_run_start(struct tool_call *call, const struct python_code *code,
		      tool_outcome_fn *done);
/* Ends a call with an error, without its folder. */
void python_run_fail(struct tool_call *call, const char *code,
		     const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Ends a call whose command was not started. */
void python_run_failed(struct tool_call *call,
		       const struct tool_outcome *outcome);
/* Removes the folder, also of a call that was cancelled; @done once. */
void python_run_clean(struct tool_call *call,
		      void (*done)(struct tool_call *call));

/* python-env.c */
int python_env(struct tool_call *call, struct python_run *run);
int python_isolate(struct tool_call *call, struct python_run *run,
		   bool shared);

#endif
