/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The setup process: builds one sandbox from inside its namespaces, then
 * becomes its pid 1.
 */
#ifndef HELPER_BUILD_H
#define HELPER_BUILD_H

#include <stdbool.h>
#include <stdint.h>

#include "helper/mount.h"
#include "helper/source.h"
#include "helper/step.h"
#include "helper/userns.h"

#define HLP_BOX_MAX_MOUNTS 128
#define HLP_BOX_SPARES 5
/* What one sandbox may have of what is counted for its rootless caller. */
#define HLP_CALLER_PARTS 4
#define HLP_SPARE_BYTES (64ULL << 20)
#define HLP_SPARE_INODES (HLP_SPARE_BYTES / 4096)

/* What the spawner decided; the setup process is its fork. */
struct hlp_box_config {
	struct hlp_step step; /* NEW */
	struct hlp_maps maps;
	bool system;
	bool id_range; /* id 0 is mapped */
	bool cgroup;
	int step_fd; /* owned */
	int control_fd; /* owned */
	int proc_fd; /* owned: mounted before the user namespace, or -1 */
};

struct hlp_box {
	const struct hlp_box_config *config;
	int step_fd;
	int control_fd;
	int proc_fd; /* of the sandbox's pid namespace, without masks */
	int quota_fd; /* max_mnt_namespaces, to be written last */
	int stage_fd; /* tmpfs: the root, or holds the parts of an image's */
	struct hlp_root_dir root;
	bool image;
	int image_fd; /* the image, below the skeleton in root */
	int layers_fd; /* upper and work of a writable one, -1 none */
	bool bound; /* a bind source of the caller's is mounted */
	int spare_fds[HLP_BOX_SPARES]; /* detached tmpfs, n_spares of them */
	size_t n_spares;
	bool failed;
	bool entered; /* the root, and left the host's */
	uint64_t mounts[HLP_BOX_MAX_MOUNTS]; /* where nothing may follow */
	uint32_t n_mounts;
};

__attribute__((noreturn)) void
hlp_box_main(const struct hlp_box_config *config);

/* root.c */
int hlp_stage_make(struct hlp_box *box, struct err *err);
int hlp_root_host(struct hlp_box *box, struct err *err);
int hlp_root_write(struct hlp_box *box, const char *name, const void *content,
		   size_t len, struct err *err);
int hlp_root_enter(struct hlp_box *box, struct err *err);
int hlp_own_attach(struct hlp_box *box, int tree_fd, const char *path,
		   bool directory, struct err *err);

/* image.c */
int hlp_image_set(struct hlp_box *box, int tree_fd, int layers_fd,
		  struct err *err);
int hlp_image_defer(const struct hlp_step *step, int fd, struct err *err);
int hlp_image_finish(struct hlp_box *box, uint32_t *seq, struct err *err);

/* build.c: a step's work, also for steps that an image put off */
int hlp_box_act(struct hlp_box *box, const struct hlp_step *step, int fd,
		struct err *err);

/* dev.c, proc.c */
int hlp_dev_make(struct hlp_box *box, struct err *err);
int hlp_proc_new(struct hlp_box *box, struct err *err);
int hlp_proc_attach(struct hlp_box *box, struct err *err);
int hlp_proc_close(const struct hlp_box *box, struct err *err);
int hlp_proc_check(struct hlp_box *box, struct err *err);

/* seal.c */
int hlp_seal_prepare(struct hlp_box *box, struct err *err);
__attribute__((noreturn)) void hlp_seal(struct hlp_box *box, uint32_t seq);
void hlp_box_report(struct hlp_box *box, enum hlp_report_kind kind,
		    uint32_t seq, const struct err *err);

#endif
