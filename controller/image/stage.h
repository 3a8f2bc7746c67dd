/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changing the store: an image is made beside it and comes into it by one
 * rename, whole or not at all, and leaves it likewise.
 */
#ifndef CONTROLLER_IMAGE_STAGE_H
#define CONTROLLER_IMAGE_STAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "controller/image/store.h"
#include "proto/err.h"

#define IMG_DIGEST_BYTES 80

struct img_store {
	char *state_dir; /* owned */
	int all_fd;	 /* owned; "images" */
	int stage_fd;	 /* owned; "staging" */
	int state_fd;	 /* owned */
};

struct img_stage {
	char name[24]; /* in "staging", "" none */
	int fd;	       /* owned */
	int lock_fd;   /* owned; exclusively locked */
};

/* What is known of an image; of no effect on sandboxes. */
struct img_manifest {
	char name[IMG_NAME_BYTES];
	char source[1024];
	char digest[IMG_DIGEST_BYTES]; /* "sha256:...", "" for a directory */
	char version[32];	       /* of the creel that imported it */
	uint64_t created;	       /* seconds since the epoch */
	uint64_t entries;
	uint64_t bytes;
	uint64_t devices;  /* left out */
	uint64_t stripped; /* set-id bits and extended attributes */
};

/* stage.c */
void img_store_init(struct img_store *store);
void img_store_fini(struct img_store *store);
int img_store_open(struct img_store *store, bool make, struct err *err);
int img_stage_new(struct img_store *store, struct img_stage *stage,
		  struct err *err);
int img_stage_commit(struct img_store *store, struct img_stage *stage,
		     const char *name, bool replace, struct err *err);
void img_stage_drop(struct img_store *store, struct img_stage *stage);
int img_store_remove(struct img_store *store, const char *name,
		     struct err *err);
bool img_store_has(const struct img_store *store, const char *name);

/* manifest.c */
int img_manifest_write(int dir_fd, const struct img_manifest *manifest,
		       struct err *err);
int img_manifest_read(int dir_fd, struct img_manifest *manifest,
		      struct err *err);

#endif
