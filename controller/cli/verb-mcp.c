// SPDX-License-Identifier: Apache-2.0
/*
 * creel mcp: a session's tools for whoever speaks MCP on standard input and
 * output.
 */
#include <config.h>

#include <string.h>

#include "controller/cli/report.h"
#include "controller/cli/verbs.h"
#include "controller/mcp/stdio.h"
#include "controller/tools/tool.h"
#include "proto/exit-codes.h"

static bool is_tool(const char *name, size_t len)
{
	const struct tool *const *all = tool_all();

	for (; *all; all++)
		if (strlen((*all)->name) == len &&
		    !memcmp((*all)->name, name, len) && !strchr(name, '.'))
			return true;
	return false;
}

/* A name that is none would leave out silently what was meant. */
static int check_tools(const char *list)
{
	while (list) {
		size_t len = strcspn(list, ",");

		if (!is_tool(list, len)) {
			cli_error("--tools: %.*s: there is no such tool",
				  len < 64 ? (int)len : 64, list);
			cli_hint("`creel tool list' lists them");
			return -1;
		}
		list = list[len] ? list + len + 1 : NULL;
	}
	return 0;
}

static void say_failed(const struct err *err, const char *hint)
{
	cli_error("%s", err->text);
	if (hint[0])
		cli_hint("%s", hint);
}

/**
 * cli_mcp_main() - creel mcp
 */
int cli_mcp_main(const struct cli_args *args)
{
	const struct mcp_options options = {
		.args = args,
		.tools = args->last[CLI_OPT_TOOLS],
	};
	struct err err = ERR_INIT;
	int ret;

	if (args->n_words) {
		cli_error("%s: mcp takes no argument", args->words[0]);
		cli_hint("--session KEY names a session");
		return CREEL_EXIT_USAGE;
	}
	if (check_tools(options.tools))
		return CREEL_EXIT_USAGE;
	ret = mcp_serve(&options, say_failed, &err);
	if (ret < 0)
		cli_error("%s", err.text);
	return ret ? CREEL_EXIT_REFUSED : CREEL_EXIT_OK;
}
