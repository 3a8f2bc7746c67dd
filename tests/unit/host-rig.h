/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tests of tools on the host share: a folder, a runtime directory, and a
 * call without a tool, whose requests are answered before they return.
 */
#ifndef TESTS_UNIT_HOST_RIG_H
#define TESTS_UNIT_HOST_RIG_H

#include "controller/cli/tool-host-own.h"

struct host_rig {
	char top[64];
	char root[80];
	struct tool_env env;
	struct host_call host;
	struct tool_result result;
	struct tool_call call;

	int answers; /* how often one came */
	struct tool_outcome outcome;
	char *out, *err; /* owned */
	uint64_t progress;

	struct tool_file file;
	struct tool_commit commit;
	struct tool_process_answer answer;
	struct tool_process_info info; /* the first */
	char *text; /* owned; of a file, a log, names of a directory */
	size_t text_len;
	char id[24];
};

void host_rig_init(struct host_rig *rig, const char *session);
/* Nothing may be left in the runtime directory. */
void host_rig_fini(struct host_rig *rig);
/* Another session in the same folder. */
void host_rig_session(struct host_rig *rig, const char *session);

/* sh -c @script */
void host_rig_run(struct host_rig *rig, const char *script,
		  const struct tool_command *how);
void host_rig_process(struct host_rig *rig, enum tool_process_action action,
		      const char *id, const struct tool_process_request *how);
void host_rig_read(struct host_rig *rig, const struct tool_read *what);
void host_rig_stat(struct host_rig *rig, const char *path);
void host_rig_commit(struct host_rig *rig, const struct tool_change *changes,
		     size_t n);
void host_rig_list(struct host_rig *rig, const char *path);

/* A file of the root as text; owned, NULL: there is none. */
char *host_rig_slurp(const struct host_rig *rig, const char *name);
void host_rig_write(const struct host_rig *rig, const char *name,
		    const char *text);
/* In time? */
bool host_rig_gone(pid_t pid);

#endif
