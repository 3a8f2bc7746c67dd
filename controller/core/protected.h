/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths of the host that no sandbox gets to see unless they are opened one by
 * one: the one table of them.
 */
#ifndef CONTROLLER_CORE_PROTECTED_H
#define CONTROLLER_CORE_PROTECTED_H

#include <stdbool.h>
#include <stddef.h>

#define CTL_HOMES_MAX 4

struct ctl_protected {
	const char *path; /* absolute, or "~/..." */
	bool never;       /* cannot be opened */
};

/* In the order of the manual; NULL after the last. */
const struct ctl_protected *ctl_protected_at(size_t index);

/* What ~ may mean: the account's home, this process's HOME, the caller's. */
struct ctl_homes {
	char *list[CTL_HOMES_MAX]; /* owned; absolute */
	size_t count;
};

void ctl_homes_init(struct ctl_homes *homes, const char *callers);
void ctl_homes_fini(struct ctl_homes *homes);

#endif
