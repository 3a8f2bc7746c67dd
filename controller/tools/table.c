// SPDX-License-Identifier: Apache-2.0
/*
 * Which tools there are, and which of them a configuration's users have.
 */
#include <config.h>

#include <string.h>

#include "controller/tools/tools.h"

static const struct tool *const tools[] = {
	&tool_apply_patch,
	&tool_bash,
	&tool_edit,
	&tool_exec,
	&tool_process,
	&tool_python_environment_info,
	&tool_python_execute,
	&tool_read_file,
	&tool_resources_list,
	&tool_resources_read,
	&tool_write_file,
	NULL,
};

/**
 * tool_all() - every tool, hidden ones too, ended by NULL
 */
const struct tool *const *tool_all(void)
{
	return tools;
}

/* Two names that the gateway's agents use, too. */
static const char *real_name(const struct cfg *cfg, const char *name)
{
	if (strcmp(name, "apply-patch") == 0)
		return "apply_patch";
	if (cfg->syntax == CFG_SYNTAX_JSON5 && strcmp(name, "bash") == 0)
		return "exec";
	return name;
}

/**
 * tool_find() - by its name
 *
 * Return: the tool, whether it is offered or not; NULL: there is none.
 */
const struct tool *tool_find(const struct cfg *cfg, const char *name)
{
	const char *real = real_name(cfg, name);

	for (size_t i = 0; tools[i]; i++)
		if (strcmp(tools[i]->name, real) == 0)
			return tools[i];
	return NULL;
}

/**
 * tool_is_offered() - is it there in this configuration?
 *
 * Whether it may be used is policy's to say.
 */
bool tool_is_offered(const struct cfg *cfg, const struct tool *tool)
{
	return !tool->offered || tool->offered(cfg);
}
