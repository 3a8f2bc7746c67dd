/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tools that there are; each in a file of its name.
 */
#ifndef CONTROLLER_TOOLS_TOOLS_H
#define CONTROLLER_TOOLS_TOOLS_H

#include "controller/tools/tool.h"

extern const struct tool tool_apply_patch;
extern const struct tool tool_bash;
extern const struct tool tool_edit;
extern const struct tool tool_exec;
extern const struct tool tool_process;
extern const struct tool tool_python_environment_info;
extern const struct tool tool_python_execute;
extern const struct tool tool_read_file;
extern const struct tool tool_resources_list;
extern const struct tool tool_resources_read;
extern const struct tool tool_write_file;

/* MiniBot's timeout_seconds: clamped, in milliseconds. */
uint64_t tool_timeout_ms(const struct tool_call *call, const char *usual_key,
			 const char *most_key);

#endif
