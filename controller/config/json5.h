/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words of JSON5, for its parser alone.
 */
#ifndef CONTROLLER_CONFIG_JSON5_H
#define CONTROLLER_CONFIG_JSON5_H

#include "controller/config/reader.h"

/* White space and comments. */
int json5_skip(struct cfg_reader *reader);
/* The length of the line terminator there; 0: none. */
size_t json5_line_end(const struct cfg_reader *reader, const char *at);
/* A string in its quotes, or a name without; in the tree. */
int json5_string(struct cfg_reader *reader, const char **text, size_t *len);
int json5_name(struct cfg_reader *reader, const char **text, size_t *len);
/* Does an unquoted name go on there? */
bool json5_name_goes_on(const struct cfg_reader *reader, const char *at);
struct cfg_node *json5_number(struct cfg_reader *reader);

#endif
