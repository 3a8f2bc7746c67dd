// SPDX-License-Identifier: Apache-2.0
/*
 * The first request: which version of the protocol is spoken, and what a model
 * is told of where it is.
 */
#include <config.h>

#include "controller/mcp/serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/tools/tool.h"

/* Newest first: that is what a client is offered whose own is not here. */
static const char *const versions[] = { "2025-11-25", "2025-06-18" };

static const char *choose_version(const char *asked)
{
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		if (!strcmp(versions[i], asked))
			return versions[i];
	return versions[0];
}

/* What a client says of itself is not used; it is to be right all the same. */
static int check_object(struct mcp_server *server,
			const struct mcp_message *message, const char *name)
{
	const json_t *value = json_object_get(message->params, name);

	if (!value || json_is_object(value))
		return 0;
	mcp_refusef(server, message->id, MCP_INVALID_PARAMS,
		    "%s: expected an object, got %s", name,
		    tool_type_name(value));
	return -1;
}

/**
 * mcp_do_initialize() - answered once the toolbox is open
 */
void mcp_do_initialize(struct mcp_server *server,
		       const struct mcp_message *message)
{
	const char *asked;

	if (server->version) {
		mcp_refuse(server, message->id, MCP_INVALID_REQUEST,
			   "initialize: it is initialized already", NULL);
		return;
	}
	if (mcp_param_string(server, message, "protocolVersion", true,
			     &asked) ||
	    check_object(server, message, "capabilities") ||
	    check_object(server, message, "clientInfo"))
		return;
	server->initialize = strdup(message->id);
	if (!server->initialize) {
		server->no_memory = true;
		return;
	}
	server->version = choose_version(asked);
	if (server->opened || server->failed)
		mcp_hello(server);
}

static void refuse_hello(struct mcp_server *server)
{
	json_t *data = NULL;

	if (server->hint[0])
		data = json_pack("{s:s}", "hint", server->hint);
	server->version = NULL;
	server->told = true;
	mcp_refuse(server, server->initialize, MCP_SERVER_ERROR,
		   server->err.text, data);
}

/**
 * mcp_hello() - answer the first request, that waited for the toolbox
 */
void mcp_hello(struct mcp_server *server)
{
	json_t *able;
	json_t *warning;
	size_t i;

	if (server->failed) {
		refuse_hello(server);
	} else {
		able = json_pack("{s:{s:b}, s:{}, s:{}}", "tools",
				 "listChanged", 1, "resources", "logging");
		mcp_answer(server, server->initialize,
			   json_pack("{s:s, s:o, s:{s:s, s:s, s:s}, s:o*}",
				     "protocolVersion", server->version,
				     "capabilities", able, "serverInfo", "name",
				     "creel", "title", "creel", "version",
				     PACKAGE_VERSION, "instructions",
				     server->instructions ?
					     mcp_text(server->instructions) :
					     NULL));
	}
	free(server->initialize);
	server->initialize = NULL;
	json_array_foreach(server->warnings, i, warning)
		mcp_log(server, MCP_LEVEL_WARNING, json_string_value(warning));
	(void)json_array_clear(server->warnings);
}

static const char *about_network(const char *network)
{
	if (network && !strcmp(network, "none"))
		return " There is no network but loopback.";
	if (network && !strcmp(network, "host"))
		return " The network is the host's.";
	return "";
}

/**
 * mcp_instructions() - what a model is told of where it is
 *
 * Return: owned; NULL: no memory.
 */
char *mcp_instructions(const struct toolbox_info *info)
{
	char *text = NULL;
	int len;

	if (info->sandboxed)
		len = asprintf(&text,
			"These tools act in a sandbox, apart from the user's machine: its files, processes and secrets are not there.\n"
			"The working directory is %s; relative paths start there, and what is written there stays.%s\n"
			"Commands run without privileges; limits of time, memory and output hold, and a result says where one was met. "
			"A command that runs on in the background is looked after with `process'.\n"
			"What a tool refuses is refused by the user's configuration: do not try to get around it, say so.",
			info->workdir, about_network(info->network));
	else
		len = asprintf(&text,
			"These tools act on the user's machine itself, as the user: nothing confines them.\n"
			"The working directory is %s; relative paths start there.\n"
			"What a tool refuses is refused by the user's configuration: do not try to get around it, say so.",
			info->workdir);
	return len < 0 ? NULL : text;
}
