/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images below the state directory: what a name means, and where its tree is.
 *
 *   images/NAME/rootfs         the tree, NAME with '+' for '/' and '@' for ':'
 *   images/NAME/manifest.json  where it came from; never read by a sandbox
 *   images/NAME/lock           locked while a sandbox has it as its root
 *   staging/NUMBER/            one that is being imported or removed
 *
 * Nothing in an image or in its manifest says what a sandbox may do.
 */
#ifndef CONTROLLER_IMAGE_STORE_H
#define CONTROLLER_IMAGE_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/err.h"

#define IMG_NAME_MAX_BYTES 200 /* with its tag */
#define IMG_NAME_BYTES (IMG_NAME_MAX_BYTES + 1)
#define IMG_HINT "`creel image import NAME DIR|TAR' adds an image"

enum img_kind {
	IMG_KIND_INVALID = 0,
	IMG_KIND_HOST,   /* the host's /usr */
	IMG_KIND_STORED, /* a name that is in the store */
	IMG_KIND_DIR,    /* a directory that was named */
};

/* name.c */
int img_name_parse(const char *text, char name[IMG_NAME_BYTES],
		   struct err *err);
bool img_name_is_path(const char *text);
bool img_name_is_default(const char *text);
void img_name_encode(const char *name, char folder[IMG_NAME_BYTES]);
int img_name_decode(const char *folder, char name[IMG_NAME_BYTES]);

/* store.c */
char *img_state_dir(void);
int img_find(const char *state_dir, const char *name, enum img_kind *kind,
	     int *rootfs_fd, char **path, struct err *err);
int img_lock_use(int rootfs_fd);
bool img_is_in(const char *state_dir, const char *folder, int rootfs_fd);

#endif
