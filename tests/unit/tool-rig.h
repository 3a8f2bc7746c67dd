/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A place for tools that is all in memory: files and folders, with what
 * backend.h promises of them, and nothing behind it.
 */
#ifndef TESTS_UNIT_TOOL_RIG_H
#define TESTS_UNIT_TOOL_RIG_H

#include "controller/tools/backend.h"
#include "tests/unit/runner.h"

#define RIG_FILES 2048
#define RIG_RUNS 8

/* A command that a tool has asked for. */
struct rig_run {
	char *argv;     /* owned; a line each, as the next two */
	char *env;
	char *ulimits;  /* NAME=SOFT:HARD */
	char *workdir;  /* owned */
	char *input;    /* owned; NULL: it stays open */
	size_t input_len;
	struct tool_command what; /* its numbers; what it points to is gone */
};

struct rig_file {
	char *path;     /* owned; NULL: unused */
	char *bytes;    /* owned; NULL: a folder */
	size_t len;
	uint32_t mode;
	uint64_t ino, stamp;
	int sys;        /* whoever asks for it gets this errno */
};

struct rig {
	struct rig_file files[RIG_FILES];
	uint64_t next;      /* ino and stamp of what is made */
	struct tool_env env;
	struct pol_session session;
	struct cfg *cfg;    /* owned; NULL: no file */
	bool later;         /* answers come when the request is over */
	int commits, reads, computes, lists;
	bool compute_fails;
	int commit_sys;     /* instead of any commit */
	struct rig_run ran[RIG_RUNS];
	int runs;
	/* What comes of each; an outcome that is all 0 is a success. */
	struct tool_outcome outcomes[RIG_RUNS];
	/* Called when a command begins; number: ran[] is filled. */
	void (*on_run)(struct rig *rig, struct tool_call *call, int number);
	bool again;         /* of the calls */
	/* Called before a commit looks at the files. */
	void (*before_commit)(struct rig *rig);
	/* What is to be answered, with later. */
	void (*pending)(struct rig *rig, struct tool_call *call);
	union {
		tool_file_fn *file;
		tool_commit_fn *commit;
		tool_dir_fn *dir;
		tool_outcome_fn *outcome;
	} answer;
	struct tool_file file;
	struct tool_commit commit;
	char *root;         /* owned; of the last call */
	bool confined;
};

struct rig *rig_new(void); /* sandboxed, at /workspace; one of a process */
void rig_free(struct rig *rig);
/* A TOML file in force. */
void rig_toml(struct rig *rig, const char *text);

void rig_put(struct rig *rig, const char *path, const char *bytes, size_t len);
void rig_text(struct rig *rig, const char *path, const char *text);
struct rig_file *rig_find(struct rig *rig, const char *path);
void rig_is(struct rig *rig, const char *path, const char *text);
void rig_is_bytes(struct rig *rig, const char *path, const char *bytes,
		  size_t len);
void rig_absent(struct rig *rig, const char *path);

/* The result of a call, MCP's CallToolResult; a new reference. */
json_t *rig_call(struct rig *rig, const char *tool, json_t *args);
/* Ends in an error of that code, whose text holds @text. */
void rig_fails(struct rig *rig, const char *tool, json_t *args,
	       const char *code, const char *text);
/* Ends well; structuredContent, a new reference; its text into @text. */
json_t *rig_works(struct rig *rig, const char *tool, json_t *args,
		  char **text);

#endif
