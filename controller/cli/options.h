/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line: one const table of verbs, one of options.  The man pages
 * are compared with both by tests/integration/man-options.sh.
 */
#ifndef CONTROLLER_CLI_OPTIONS_H
#define CONTROLLER_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/err.h"

enum cli_verb_id {
	CLI_VERB_INVALID = 0,
	CLI_VERB_RUN,
	CLI_VERB_EXEC,
	CLI_VERB_SHELL,
	CLI_VERB_LIST,
	CLI_VERB_KILL,
	CLI_VERB_RM,
	CLI_VERB_PAUSE,
	CLI_VERB_RESUME,
	CLI_VERB_STATS,
	CLI_VERB_RECREATE,
	CLI_VERB_PRUNE,
	CLI_VERB_LOGS,
	CLI_VERB_EVENTS,
	CLI_VERB_MEDIA,
	CLI_VERB_TOOL,
	CLI_VERB_MCP,
	CLI_VERB_EXPLAIN,
	CLI_VERB_DOCTOR,
	CLI_VERB_CONFIG,
	CLI_VERB_VERSION,
	CLI_VERB_IMAGE,
	CLI_VERB_HELP,
	CLI_VERB_COUNT,
};

enum cli_opt {
	CLI_OPT_INVALID = 0,
	/* the sandbox */
	CLI_OPT_IMAGE,
	CLI_OPT_WORKSPACE,
	CLI_OPT_BIND,
	CLI_OPT_TMPFS,
	CLI_OPT_READ_ONLY,
	CLI_OPT_WRITABLE,
	CLI_OPT_HOSTNAME,
	CLI_OPT_NETWORK,
	CLI_OPT_MEMORY,
	CLI_OPT_MEMORY_SWAP,
	CLI_OPT_CPUS,
	CLI_OPT_PIDS,
	CLI_OPT_ULIMIT,
	CLI_OPT_CAP_KEEP,
	CLI_OPT_DNS,
	CLI_OPT_ALLOW_BIND,
	CLI_OPT_PROTECT,
	CLI_OPT_ADD_HOST,
	CLI_OPT_APPARMOR,
	CLI_OPT_BEST_EFFORT,
	CLI_OPT_NAME,
	/* the command */
	CLI_OPT_USER,
	CLI_OPT_WORKDIR,
	CLI_OPT_ENV,
	CLI_OPT_ENV_FILE,
	CLI_OPT_TIMEOUT,
	CLI_OPT_SECCOMP,
	CLI_OPT_TTY,
	CLI_OPT_NO_TTY,
	CLI_OPT_INTERACTIVE,
	CLI_OPT_RM,
	CLI_OPT_DETACH,
	/* everywhere */
	CLI_OPT_SIGNAL,
	CLI_OPT_ALL,
	CLI_OPT_SESSION,
	CLI_OPT_PROVIDER,
	CLI_OPT_CHANNEL,
	CLI_OPT_SENDER,
	CLI_OPT_AGENT,
	CLI_OPT_TOOL,
	CLI_OPT_TOOLS,
	CLI_OPT_SINCE,
	CLI_OPT_UNTIL,
	CLI_OPT_LIMIT,
	CLI_OPT_FOLLOW,
	CLI_OPT_FORCE,
	CLI_OPT_DRY_RUN,
	CLI_OPT_REPLACE,
	CLI_OPT_JSON,
	CLI_OPT_ORIGIN,
	CLI_OPT_CONFIG,
	CLI_OPT_HOST,
	CLI_OPT_SYSTEM,
	CLI_OPT_ROOTLESS,
	CLI_OPT_NO_DAEMON,
	CLI_OPT_DUMP,
	CLI_OPT_COMPLETE,
	CLI_OPT_HELP,
	CLI_OPT_COUNT,
};

/*
 * @arg says what the value is: words in lower case between bars are values as
 * they are, the others what kind: FILE, DIR, KEY (of a session), ID (of an
 * agent).  Completion is made from it.
 */
struct cli_option {
	enum cli_opt opt;
	char letter;
	const char *name;
	const char *arg; /* NULL: takes no value */
	unsigned int verbs;
	const char *help;
};

/* One option as it was given. */
struct cli_given {
	enum cli_opt opt;
	const char *value; /* borrowed from argv; NULL where it takes none */
};

struct cli_args {
	const struct cli_verb *verb; /* borrowed */
	struct cli_given *given;     /* owned; in the caller's order */
	size_t n_given;
	bool has[CLI_OPT_COUNT];
	const char *last[CLI_OPT_COUNT]; /* the last value given */
	char **words;                    /* borrowed; what follows the options */
	int n_words;
};

struct cli_verb {
	enum cli_verb_id id;
	const char *name;
	const char *synopsis; /* of what follows the options */
	const char *summary;
	int (*run)(const struct cli_args *args); /* returns an exit status */
	bool mixed; /* options may come after words, as in "config show -h" */
};

const struct cli_verb *cli_verb_find(const char *name);
const struct cli_verb *cli_verb_at(size_t index);
int cli_verb_usage_status(const struct cli_verb *verb);

int cli_args_parse(const struct cli_verb *verb, char **argv,
		   struct cli_args *args, struct err *err);
void cli_args_fini(struct cli_args *args);
const char *cli_opt_name(enum cli_opt opt);
const struct cli_option *cli_option_after(const struct cli_verb *verb,
					  const struct cli_option *last);
void cli_usage_print(const struct cli_verb *verb);
void cli_options_dump(void);

#endif
