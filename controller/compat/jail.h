/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places of a jail, as text.  Private to controller/compat.
 */
#ifndef CONTROLLER_COMPAT_JAIL_H
#define CONTROLLER_COMPAT_JAIL_H

#include "controller/compat/firejail.h"

/* ~, ~/x, ${HOME} and ${HOME}/x expanded; NULL: @why it is no path. */
const char *jail_path(struct tool_jail *jail, const char *text,
		      const char **why);
int jail_list_place(struct tool_jail *jail, const char *path,
		    struct err *err);
/* Is @path that folder, or below it? */
bool jail_is_within(const char *path, const char *folder);
/* Cut, and nothing to garble a terminal. */
void jail_show(const char *word, char *shown, size_t size);

#endif
