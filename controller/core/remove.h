/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removing a tree that a sandbox has written: of any depth, any size, with
 * links to anywhere.
 */
#ifndef CONTROLLER_CORE_REMOVE_H
#define CONTROLLER_CORE_REMOVE_H

enum ctl_removed {
	CTL_REMOVED_INVALID = 0,
	CTL_REMOVED_ALL,
	CTL_REMOVED_PART,   /* the budget is used up: once more, later */
	CTL_REMOVED_DENIED, /* what is left belongs to another id */
	CTL_REMOVED_FAILED, /* errno says why */
};

enum ctl_removed ctl_remove_tree(int dir_fd, const char *name,
				 unsigned int *budget);

#endif
