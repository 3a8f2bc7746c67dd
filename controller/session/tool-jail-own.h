/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a jail is made of.  Private to tool-jail*.c.
 */
#ifndef CONTROLLER_SESSION_TOOL_JAIL_OWN_H
#define CONTROLLER_SESSION_TOOL_JAIL_OWN_H

#include "controller/compat/firejail.h"
#include "controller/session/toolbox.h"

#define JAIL_NAME "jail-"
#define JAIL_WHAT_BYTES 140
#define JAIL_TARGET_BYTES 256

/* One thing that is mounted; the descriptors come in the same order. */
enum jail_mount_kind {
	JAIL_MOUNT_INVALID = 0,
	JAIL_MOUNT_BIND,  /* has a descriptor, as the next two */
	JAIL_MOUNT_HOME,  /* --private=DIR */
	JAIL_MOUNT_FILE,  /* over a file that is not to be seen */
	JAIL_MOUNT_EMPTY, /* over such a folder */
};

struct jail_mount {
	enum jail_mount_kind kind;
	uint32_t place; /* which, but of HOME */
	char target[JAIL_TARGET_BYTES]; /* "": the path of the place */
};

/* What the job has found: this, then the filter; the image's fd is the last. */
struct jail_found {
	struct jail_mount mounts[JAIL_MAX_PLACES + 1];
	uint32_t n_mounts;
	bool image;
	char warning[SES_WARNING_BYTES];
	uint64_t filter_len;
};

struct ses_jail {
	LIST_ENTRY(ses_jail) link;
	struct ses *ses;             /* borrowed */
	struct ses_call *call;       /* borrowed; NULL: it is over */
	struct ses_view *view;       /* a reference */
	struct ctl_sandbox *sandbox; /* borrowed; NULL: none yet, or gone */
	bool live;                   /* commands may run in it */
	bool joined;                 /* another call's: it ends with that */
	struct tool_command what;    /* of the call, until done is called */
	tool_outcome_fn *done;       /* NULL: nobody waits here */
	struct job *job;
	struct ctl_fs *fs;
	char *name;   /* owned: --name; NULL none */
	char *folder; /* owned: on the host, gone with it; NULL none */
	bool host_tmp; /* its /tmp is the host's */
	bool left;     /* an earlier creeld's */
};

static inline bool jail_has_fd(enum jail_mount_kind kind)
{
	return kind != JAIL_MOUNT_EMPTY;
}

/* tool-jail.c */
void jail_finish(struct ses_jail *jail);

/* tool-jail-left.c */
void jail_folder_note(const struct ses_jail *jail);
void jail_folder_gone(const struct ses_jail *jail);
void jails_left_finish(struct ses *ses);

/* tool-jail-open.c */
/* "tools...command_prefix: --whitelist=/x": what asks for a place. */
void jail_what(const struct tool_jail *jail, const struct jail_place *place,
	       char what[JAIL_WHAT_BYTES]);
job_work_fn jail_open; /* of a struct ses_jail */

/* tool-jail-make.c */
/* Has its sandbox built; what comes of it is told to the hooks. */
int jail_make(struct ses_jail *jail, struct job_result *result,
	      struct ctl_fail *fail);

/* tool-jail-store.c */
/* In a job, of a struct ses_jail: removes its folder on the host. */
job_work_fn jail_remove;

#endif
