/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that a command leaves in its folder, and that are kept: chosen by
 * patterns, sizes, counts and extensions, and copied into the managed storage
 * by the backend.
 */
#ifndef CONTROLLER_TOOLS_ARTIFACT_H
#define CONTROLLER_TOOLS_ARTIFACT_H

#include "controller/tools/backend.h"

#define ARTIFACT_MAX_GLOBS 64
#define ARTIFACT_MAX_FOUND 2000   /* files in the folder; more are passed over */
#define ARTIFACT_MAX_FOLDERS 512
#define ARTIFACT_MAX_BYTES (64ULL << 20) /* of one file, whatever is configured */

/* Where files are kept: tools.file_storage.root_dir. */
struct artifact_storage {
	char *root; /* owned: below the workspace inside, absolute on the host */
};

/* -1: the call has been ended with an error. */
int artifact_storage_find(struct tool_call *call,
			  struct artifact_storage *storage);
void artifact_storage_fini(struct artifact_storage *storage);
/* What a backend takes @rel for, which is below it; owned, NULL without memory. */
char *artifact_storage_path(struct tool_call *call,
			    const struct artifact_storage *storage,
			    const char *rel);

struct artifact_options {
	bool wanted;
	const char *globs[ARTIFACT_MAX_GLOBS]; /* borrowed from the call */
	size_t n_globs;
	char *subdir;      /* owned: below the storage's root; relative */
	struct artifact_storage storage;
	uint64_t max_files;
	bool jailed;       /* the folder is in the jail of the call */
};

struct artifacts;
typedef void artifacts_done_fn(struct tool_call *call);

/* The state of a call that keeps files begins with it. */
struct artifact_holder {
	struct artifacts *artifacts; /* owned; NULL: none are wanted */
};

/* -1: the call has been ended with an error. */
int artifact_options_read(struct tool_call *call,
			  struct artifact_options *options);
void artifact_options_fini(struct artifact_options *options);

/*
 * Looks through @folder (absolute) and keeps what is wanted; call->state is a
 * struct artifact_holder, where it hangs until the state is freed.  @done once,
 * perhaps before it returns. -1: no memory, and @done is not called.
 */
int artifacts_start(struct tool_call *call, const char *folder,
		    const struct artifact_options *options,
		    artifacts_done_fn *done);
void artifacts_free(struct artifacts *artifacts);
/* Arrays as the answer has them, new references; NULL: none is empty. */
json_t *artifacts_saved(const struct artifacts *artifacts);
json_t *artifacts_skipped(const struct artifacts *artifacts);

/* artifact-storage.c */
char *artifact_clean(const char *text, bool *leaves);

/* artifact-name.c */
const char *artifact_mime(const char *name);
const char *artifact_base(const char *path);
bool artifact_is_allowed(const struct cfg *cfg, const char *path);
char *artifact_target(const char *subdir, const char *source,
		      unsigned int clash);

#endif
