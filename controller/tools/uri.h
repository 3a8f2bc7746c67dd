/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of the workspace by the names that clients of MCP know them by:
 * creel://workspace/PATH.  The path is bytes, so it is percent-encoded.
 */
#ifndef CONTROLLER_TOOLS_URI_H
#define CONTROLLER_TOOLS_URI_H

#include <stddef.h>

#define URI_WORKSPACE "creel://workspace/"

/* Owned; NULL: no memory. */
char *uri_encode(const char *prefix, const char *path);
/* Owned; NULL with errno: EINVAL, it is none; ENOMEM. */
char *uri_decode(const char *text);
/* What the name says of the content: text/markdown, ...; NULL: nothing. */
const char *uri_mime(const char *path);

#endif
