/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns of paths: * and ? within a name, ** over any number of folders,
 * [abc], [a-z] and [!a] of one byte.  Bytes are bytes, a leading dot is nothing
 * special.
 */
#ifndef CONTROLLER_TOOLS_GLOB_H
#define CONTROLLER_TOOLS_GLOB_H

#include <stdbool.h>

#define TOOL_GLOB_MAX_BYTES 512

/* Does the whole of a relative path fit, at any depth? "x.png" fits "a/x.png". */
bool tool_glob_match(const char *pattern, const char *path);

#endif
