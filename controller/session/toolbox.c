// SPDX-License-Identifier: Apache-2.0
/*
 * Toolboxes: opened by a client for one session, gone with its connection.
 * What is resolved once is kept; one stat(2) of each file of the configuration
 * tells whether it still is right.
 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controller/session/toolbox.h"
#include "proto/cleanup.h"

#define TEXT_MAX_BYTES 512 /* of provider, channel and sender, each */

static void toolbox_free(struct ses_toolbox *toolbox)
{
	ses_view_unref(toolbox->view);
	ses_flags_fini(&toolbox->flags);
	free(toolbox->target);
	free(toolbox->home);
	free(toolbox->told);
	free(toolbox);
}

/* Its calls go on, and their client hears of them. */
static void toolbox_end(struct ses_toolbox *toolbox)
{
	struct ses_call *call;

	LIST_FOREACH(call, &toolbox->ses->calls, link)
		if (call->toolbox == toolbox)
			call->toolbox = NULL;
	LIST_REMOVE(toolbox, link);
	toolbox_free(toolbox);
}

/**
 * ses_toolbox_find() - a client's own, by its number
 *
 * Return: borrowed, or NULL with BAD_STATE.
 */
struct ses_toolbox *ses_toolbox_find(struct ses *ses,
				     const struct ctl_client *client,
				     uint32_t id, struct ctl_fail *fail)
{
	struct ses_toolbox *toolbox;

	LIST_FOREACH(toolbox, &ses->toolboxes, link)
		if (toolbox->client == client && toolbox->id == id)
			return toolbox;
	err_set(&fail->err, ERR_BAD_STATE, 0,
		"toolbox %u: this connection has none of that number", id);
	return NULL;
}

/* A number that none of the client's has; 0: it has as many as it may. */
static uint32_t choose_id(const struct ses *ses,
			  const struct ctl_client *client)
{
	const struct ses_toolbox *toolbox;
	uint32_t highest = 0;
	unsigned int n = 0;

	LIST_FOREACH(toolbox, &ses->toolboxes, link) {
		if (toolbox->client != client)
			continue;
		n++;
		if (toolbox->id > highest)
			highest = toolbox->id;
	}
	return n < SES_MAX_TOOLBOXES ? highest + 1 : 0;
}

static int check_text(const char *text, const char *what, struct ctl_fail *fail)
{
	if (strlen(text) <= TEXT_MAX_BYTES)
		return 0;
	return err_set(&fail->err, ERR_BAD_REQUEST, 0,
		       "%s: more than %d bytes", what, TEXT_MAX_BYTES);
}

static int check_open(const Ctl__ToolboxOpen *msg, struct ctl_fail *fail)
{
	if (strlen(msg->session) > POL_KEY_MAX_BYTES)
		return err_set(&fail->err, ERR_BAD_REQUEST, 0,
			       "session key: more than %d bytes",
			       POL_KEY_MAX_BYTES);
	if (!msg->config)
		return err_set(&fail->err, ERR_BAD_REQUEST, 0,
			       "toolbox: it says no configuration");
	if (check_text(msg->provider, "--provider", fail) < 0 ||
	    check_text(msg->channel, "--channel", fail) < 0)
		return -1;
	return check_text(msg->sender, "--sender", fail);
}

static int take_flags(struct ses_toolbox *toolbox, const Ctl__ToolboxOpen *msg,
		      struct wire_frame *frame, struct ctl_fail *fail)
{
	Ctl__Exec flags = CTL__EXEC__INIT;

	flags.spec = msg->spec;
	flags.given = msg->given;
	flags.n_given = msg->n_given;
	if (msg->n_given > 0 && !msg->spec)
		return err_set(&fail->err, ERR_BAD_REQUEST, 0,
			       "toolbox: flags are named, none is given");
	return ses_flags_take(&toolbox->flags, &flags, frame, fail);
}

static struct ses_toolbox *toolbox_new(struct ses *ses,
				       const Ctl__ToolboxOpen *msg,
				       struct wire_frame *frame,
				       struct ctl_fail *fail)
{
	const struct pol_tool_request about = {
		.provider = msg->provider,
		.subagent = msg->subagent,
		.channel = msg->channel,
		.sender = msg->sender,
	};
	struct ses_cfg *cfg = ses_config_get(ses, msg->config->path,
					     msg->config->home, fail);
	struct ses_toolbox *toolbox;

	if (!cfg)
		return NULL;
	toolbox = calloc(1, sizeof(*toolbox));
	if (toolbox) {
		toolbox->ses = ses;
		toolbox->target = strdup(msg->session);
		toolbox->home = strdup(msg->config->home);
	}
	if (toolbox && toolbox->target && toolbox->home)
		toolbox->view = ses_view_new(cfg, msg->config->path,
					     msg->session, &about, fail);
	else
		err_set(&fail->err, ERR_KERNEL, ENOMEM, "toolbox");
	ses_cfg_unref(cfg);
	if (toolbox && toolbox->view &&
	    take_flags(toolbox, msg, frame, fail) == 0)
		return toolbox;
	if (toolbox)
		toolbox_free(toolbox);
	return NULL;
}

static bool is_given(const struct ses_toolbox *toolbox, const char *name)
{
	const Ctl__Exec *msg = toolbox->flags.msg;

	for (size_t i = 0; msg && i < msg->n_given; i++)
		if (strcmp(msg->given[i], name) == 0)
			return true;
	return false;
}

static const char *workdir_of(const struct ses_toolbox *toolbox)
{
	const struct pol_session *session = toolbox->view->session;

	if (!session->sandboxed)
		return session->agent_workspace;
	if (is_given(toolbox, "workdir") &&
	    toolbox->flags.msg->spec->workdir[0])
		return toolbox->flags.msg->spec->workdir;
	return session->workdir;
}

static const char *network_of(const struct ses_toolbox *toolbox)
{
	const struct pol_session *session = toolbox->view->session;

	if (!session->sandboxed)
		return "";
	if (is_given(toolbox, "network"))
		return toolbox->flags.msg->spec->net == CTL__NET__NET_HOST ?
			       "host" :
			       "none";
	return session->network_name ? session->network_name : "none";
}

static int reply_toolbox(const struct ses_toolbox *toolbox, uint32_t seq,
			 struct ctl_fail *fail)
{
	const struct pol_session *session = toolbox->view->session;
	Ctl__Toolbox msg = CTL__TOOLBOX__INIT;
	Ctl__Reply reply = CTL__REPLY__INIT;
	auto_fd fd = -1;

	msg.toolbox = toolbox->id;
	msg.session = (char *)session->key;
	msg.agent = (char *)session->agent_id;
	msg.sandboxed = session->sandboxed;
	msg.workdir = (char *)workdir_of(toolbox);
	msg.network = (char *)network_of(toolbox);
	msg.tools_fd = toolbox->told_len > SES_TOOL_INLINE_BYTES;
	if (msg.tools_fd) {
		fd = ctl_fs_memfd(toolbox->told, toolbox->told_len, &fail->err);
		if (fd < 0)
			return -1;
	} else {
		msg.tools.data = (uint8_t *)toolbox->told;
		msg.tools.len = toolbox->told_len;
	}
	reply.re_case = CTL__REPLY__RE_TOOLBOX;
	reply.toolbox = &msg;
	ctl_reply(toolbox->client, seq, &reply, fd);
	return 0;
}

/**
 * ses_req_toolbox_open() - which tools may this client use in a session?
 */
int ses_req_toolbox_open(struct ses *ses, struct ctl_client *client,
			 const Ctl__Request *req, struct wire_frame *frame,
			 struct ctl_fail *fail)
{
	const uint32_t id = choose_id(ses, client);
	struct ses_toolbox *toolbox;

	if (id == 0)
		return err_set(&fail->err, ERR_LIMIT, 0,
			       "this connection has %d toolboxes already",
			       SES_MAX_TOOLBOXES);
	if (check_open(req->toolbox_open, fail) < 0)
		return -1;
	toolbox = toolbox_new(ses, req->toolbox_open, frame, fail);
	if (!toolbox)
		return -1;
	toolbox->client = client;
	toolbox->id = id;
	toolbox->told = ses_view_tools(toolbox->view, &toolbox->told_len);
	if (!toolbox->told)
		err_set(&fail->err, ERR_KERNEL, ENOMEM, "toolbox");
	if (!toolbox->told || reply_toolbox(toolbox, req->seq, fail) < 0) {
		toolbox_free(toolbox);
		return -1;
	}
	LIST_INSERT_HEAD(&ses->toolboxes, toolbox, link);
	return 0;
}

/**
 * ses_req_toolbox_close() - a toolbox is not needed any more
 */
int ses_req_toolbox_close(struct ses *ses, struct ctl_client *client,
			  const Ctl__Request *req, struct ctl_fail *fail)
{
	struct ses_toolbox *toolbox = ses_toolbox_find(
		ses, client, req->toolbox_close->toolbox, fail);

	if (!toolbox)
		return -1;
	toolbox_end(toolbox);
	ctl_reply_done(client, req->seq);
	return 0;
}

/* Are the tools, or where they run, not what the client was told? */
static bool is_changed(const struct ses_toolbox *toolbox,
		       const struct ses_view *now)
{
	const struct pol_session *was = toolbox->view->session;
	auto_free char *tools = NULL;
	size_t len;

	if (was->sandboxed != now->session->sandboxed ||
	    strcmp(was->key, now->session->key) != 0 ||
	    strcmp(was->workdir, now->session->workdir) != 0)
		return true;
	tools = ses_view_tools(now, &len);
	return tools && (len != toolbox->told_len ||
			 memcmp(tools, toolbox->told, len) != 0);
}

/**
 * ses_toolbox_refresh() - see to it that it is as the configuration says now
 *
 * Return: 0 or -1: there is no configuration in force any more.
 */
int ses_toolbox_refresh(struct ses_toolbox *toolbox, struct ctl_fail *fail)
{
	struct ses_view *view = toolbox->view;
	struct ses_cfg *cfg = ses_config_get(toolbox->ses, view->config,
					     toolbox->home, fail);

	if (!cfg)
		return -1;
	if (cfg != view->cfg) {
		view = ses_view_new(cfg, view->config, toolbox->target,
				    &view->about, fail);
		if (view) {
			toolbox->changed |= is_changed(toolbox, view);
			ses_view_unref(toolbox->view);
			toolbox->view = view;
		}
	}
	ses_cfg_unref(cfg);
	return view ? 0 : -1;
}

/**
 * ses_toolboxes_client_gone() - those of a client go with it
 */
void ses_toolboxes_client_gone(struct ses *ses,
			       const struct ctl_client *client)
{
	struct ses_toolbox *toolbox, *next;

	for (toolbox = LIST_FIRST(&ses->toolboxes); toolbox; toolbox = next) {
		next = LIST_NEXT(toolbox, link);
		if (toolbox->client == client)
			toolbox_end(toolbox);
	}
}

/**
 * ses_toolboxes_free() - release all
 */
void ses_toolboxes_free(struct ses *ses)
{
	struct ses_toolbox *toolbox;

	while ((toolbox = LIST_FIRST(&ses->toolboxes)))
		toolbox_end(toolbox);
}
