/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What creel tool reads and prints.
 */
#ifndef CONTROLLER_CLI_VERB_TOOL_H
#define CONTROLLER_CLI_VERB_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/cli/toolbox.h"
#include "proto/err.h"

/* tool-args.c: JSON, @FILE or -; NULL "{}". Owned; -1 with @err */
int cli_tool_args(const char *word, char **json, size_t *len, struct err *err);

/* tool-print.c; all write to standard output */
void cli_tool_print_list(const struct toolbox_info *info);
/* A CallToolResult; what cannot be read as one is printed as it is. */
void cli_tool_print_result(const char *json, size_t len);
/* The bytes as they are; to a terminal with harmful characters as \uXXXX. */
void cli_tool_print_json(const char *json, size_t len);
/* How long it took and what it used, as a line on standard error. */
void cli_tool_print_cost(const char *name, const char *json, size_t len);
/* Lines of text; to a terminal what could steer it is escaped. */
void cli_tool_print_text(const char *text, size_t len, bool terminal);
/* The name of these tools that is nearest, or NULL; owned. */
char *cli_tool_nearest(const char *name, const char *tools, size_t len);

#endif
