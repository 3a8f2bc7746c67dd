/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Run or Exec request as it goes over the wire, with the descriptors that
 * belong to it.  Kept whole: it is sent again after a reconnection.
 */
#ifndef CONTROLLER_CLI_CALL_H
#define CONTROLLER_CLI_CALL_H

#include <stdbool.h>

#include "controller/cli/options.h"
#include "controller/cli/parse.h"
#include "controller/cli/strings.h"
#include "controller/image/store.h"
#include "proto/control.pb-c.h"
#include "proto/err.h"
#include "proto/wire.h"

struct cli_call {
	const char *hint; /* static; with an error of cli_call_init() */
	char image[IMG_NAME_BYTES];
	Ctl__Request request;
	Ctl__Run run;
	Ctl__Exec exec;
	Ctl__Spec spec;
	Ctl__Command command;
	uint8_t token[WIRE_ID_BYTES];
	struct cli_strings strings;
	struct cli_place workspace;
	struct cli_place *places; /* owned; one for each bind */
	Ctl__Bind *binds;	  /* owned */
	struct cli_tmpfs *sizes;  /* owned */
	Ctl__TmpfsMount *tmpfs;	  /* owned */
	struct cli_ulimit *limits; /* owned */
	Ctl__Ulimit *ulimits;	   /* owned */
	struct cli_place *names;   /* owned; of hosts */
	Ctl__Host *hosts;	   /* owned */
	char **allowed;		   /* owned, and each; paths */
	size_t n_allowed;
	char *given[CLI_OPT_COUNT];
	int fds[WIRE_MAX_FDS]; /* owned */
	size_t n_fds;
};

int cli_call_init(struct cli_call *call, const struct cli_args *args, bool tty,
		  struct err *err);
int cli_call_add_fd(struct cli_call *call, int fd, uint32_t *index,
		    struct err *err);
void cli_call_fini(struct cli_call *call);

int cli_spec_fill(struct cli_call *call, const struct cli_args *args,
		  struct err *err);
int cli_planted_check(struct cli_call *call, struct err *err);
int cli_memfd_sealed(const char *name, const void *data, size_t len,
		     struct err *err);
int cli_seccomp_compile(const char *path, uint64_t caps, struct err *err);

#endif
