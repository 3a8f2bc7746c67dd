/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tools that read and write files share: where their paths are, and
 * how they say what went wrong.
 */
#ifndef CONTROLLER_TOOLS_FILE_H
#define CONTROLLER_TOOLS_FILE_H

#include "controller/tools/backend.h"

#define TOOL_PATH_MAX_BYTES 4095

/* Whose options say where files are. */
enum tool_area {
	TOOL_AREA_INVALID = 0,
	TOOL_AREA_FILES,   /* tools.file_storage */
	TOOL_AREA_PATCHES, /* tools.apply_patch */
};

/* path.c */
/*
 * As tool_path(), under the options of that area too.  On the host it says in
 * the call which root the backend goes by.
 */
int tool_file_path(struct tool_call *call, enum tool_area area,
		   const char *path, char **rel, struct err *err);
/* Of a resource: exact bytes, never outside. */
int tool_resource_path(struct tool_call *call, const char *path, char **rel,
		       struct err *err);
/* The configuration where it is a file in TOML; else NULL. */
const struct cfg *tool_toml(const struct tool_env *env);
/* Do MiniBot's options of file storage hold: a TOML file that has them? */
bool tool_has_storage(const struct tool_env *env);

/* write.c: max_write_bytes; false: the call is over */
bool tool_write_fits(struct tool_call *call, const char *name);

/* file.c */
/* The end of a call whose path tool_file_path() refused. */
void tool_fail_path(struct tool_call *call, const struct err *err);
/* The end of a call: what a file's errno means to whoever asked. */
void tool_fail_file(struct tool_call *call, const char *path, int sys);
/* The word for it: not_found, denied, ... */
const char *tool_file_code(int sys);
const char *tool_file_text(int sys);
/* image/png and so on, by the first bytes; NULL: none that is known. */
const char *tool_image_type(const char *bytes, size_t len);
/* Owned; NULL: no memory. */
char *tool_base64(const char *bytes, size_t len);

/* diff.c */
/* One text in place of another at one place. */
struct tool_span {
	const char *bytes; /* the whole file, as it was */
	size_t len;
	size_t at, old_len;
	const char *with;
	size_t with_len;
};
/* As a unified diff, cut where it is long; owned, NULL: no memory. */
char *tool_diff(const char *path, const struct tool_span *span);

#endif
