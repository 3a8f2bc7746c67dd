/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trust hand-off: what the host takes for its own in a directory that a
 * sandbox writes to (hooks, settings of editors and of agents) is masked
 * read-only.  What does not exist cannot be masked; it is watched.
 */
#ifndef CONTROLLER_CORE_MASKS_H
#define CONTROLLER_CORE_MASKS_H

#include <stdbool.h>
#include <stddef.h>

#include "controller/core/fail.h"
#include "controller/core/source.h"

#define CTL_PATTERNS_MAX 64
#define CTL_PATTERN_BYTES 256
#define CTL_WATCH_TEXT_BYTES 160
#define CTL_WATCH_PACKED_BYTES 640

struct ctl_spec;
struct ctl_watch;

/* patterns.c: relative paths, no link in mind: "a/b", without "." and "..". */
struct ctl_patterns {
	char *list[CTL_PATTERNS_MAX]; /* owned */
	size_t count;
};

/* The default list; NULL after its last. */
const char *ctl_pattern_default(size_t index);
/*
 * The default list and, in order: "x" adds one, "!x" opens x and what is below
 * it, "!*" opens all.  @what: "--protect", for messages.
 */
struct ctl_patterns *ctl_patterns_new(char *const *words, size_t n_words,
				      const char *what, struct ctl_fail *fail);
void ctl_patterns_free(struct ctl_patterns *patterns);

/* masks.c: adds mounts and spec->watch; before the mounts are put in order. */
int ctl_masks_add(struct ctl_spec *spec, struct ctl_fail *fail);

/* watch.c */
struct ctl_watch *ctl_watch_new(void);
void ctl_watch_free(struct ctl_watch *watch);
/* -1 without memory. Returns the number of the directory. */
int ctl_watch_root(struct ctl_watch *watch, int fd);
/* @masked: what it is now; NULL: it does not exist. */
int ctl_watch_add(struct ctl_watch *watch, int root, const char *path,
		  const struct ctl_inode *masked);
/* Each is told once: a path that has appeared or whose mask is gone. */
typedef void ctl_watch_fn(void *arg, const char *path, bool appeared);
void ctl_watch_look(struct ctl_watch *watch, bool masks_only,
		    ctl_watch_fn *fn, void *arg);
/* For the next controller: as much of it as there is room for. */
void ctl_watch_pack(const struct ctl_watch *watch, char *text, size_t size);
/* NULL where there is nothing to watch, or no memory. */
struct ctl_watch *ctl_watch_unpack(const char *text);
/* Those that have appeared so far; NULL after the last. */
const char *ctl_watch_appeared(const struct ctl_watch *watch, size_t index);

#endif
