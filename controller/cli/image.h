/* SPDX-License-Identifier: Apache-2.0 */
/*
 * creel image, and what --image says.
 */
#ifndef CONTROLLER_CLI_IMAGE_H
#define CONTROLLER_CLI_IMAGE_H

#include "controller/cli/call.h"
#include "controller/cli/options.h"
#include "controller/image/stage.h"

/* image-import.c */
int cli_image_import(const struct cli_args *args);

/* image-run.c */
struct unpacking {
	const struct cli_args *args; /* borrowed */
	const char *source;	     /* a directory; NULL: an archive */
	int in_fd;		     /* the archive, owned, -1 none */
	char *rootfs;		     /* path, owned */
	const char *name;
	bool show; /* progress, on a terminal */

	struct img_manifest *manifest; /* borrowed; its numbers are filled */
	uint64_t policy;
	int signal; /* that ended it */
};
int cli_unpack(struct unpacking *unpacking);

/* image-spec.c */
int cli_image_add(struct cli_call *call, const char *value, struct err *err);

#endif
