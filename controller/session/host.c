// SPDX-License-Identifier: Apache-2.0
/*
 * Sessions that their configuration does not sandbox: creeld executes nothing
 * on the host.  The client does, as itself; what creeld does is to decide, and
 * to write it down.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/session/manager.h"

#define SHOWN_BYTES 32

/* "FILE:LINE", the end of a long one. */
static void place(const struct pol_session *session, enum pol_value value,
		  char *text, size_t size)
{
	const struct cfg_pos *pos = &session->origins[value].pos;
	const struct cfg_problems *names = &session->cfg->problems;
	const char *file;
	size_t len;

	if (pos->line == 0 || pos->file >= names->n_files) {
		(void)snprintf(text, size, "by default");
		return;
	}
	file = names->files[pos->file];
	len = strlen(file);
	(void)snprintf(text, size, "%s%s:%u", len > SHOWN_BYTES ? "..." : "",
		       file + (len > SHOWN_BYTES ? len - SHOWN_BYTES : 0),
		       pos->line);
}

/**
 * ses_host_refuse() - it does not run where it was meant to
 * @host: it was meant to run outside, and the session is sandboxed
 *
 * Return: -1 always.
 */
int ses_host_refuse(const struct pol_session *session, bool host,
		    struct ctl_fail *fail)
{
	const char *key = session->origins[POL_MODE].key;
	const bool main_one = session->mode == POL_MODE_NON_MAIN &&
			      !session->sandboxed;
	char where[64];

	place(session, POL_MODE, where, sizeof(where));
	err_set(&fail->err, ERR_DENIED, 0,
		"session %.36s is %s: %.44s is %s%s (%s)", session->key,
		session->sandboxed ? "sandboxed" : "not sandboxed", key,
		pol_mode_name(session->mode), main_one ? ", it is main" : "",
		where);
	if (host && session->sandboxed)
		return ctl_fail_hint(fail,
				     "--host is for sessions that are not; creel explain says which");
	return ctl_fail_hint(fail,
			     "--host runs it here, outside; creel explain --session %.40s says why",
			     session->given);
}

/**
 * ses_host_remember() - a session that is not sandboxed is used
 */
int ses_host_remember(struct ses *ses, const struct pol_session *session,
		      struct err *err)
{
	const struct store_session row = {
		.config = session->cfg->path ? session->cfg->path : "",
		.key = session->key,
		.agent = session->agent_id,
		.scope_key = session->scope_key,
		.sandbox = "",
		.created_ms = ses_now_ms(),
		.used_ms = ses_now_ms(),
	};
	struct ses_sandbox *record =
		ses_record_find(ses, row.config, row.scope_key);
	int64_t id;

	if (record)
		ses_record_know(record, NULL);
	return store_session_use(ses->store, &row, &id, err);
}

/*
 * Whose call of a tool it is: nobody else can say how it went, while that one
 * is there. The end of exec comes over a connection of its own.
 */
struct ses_host {
	LIST_ENTRY(ses_host) link;
	const struct ctl_client *client; /* borrowed */
	uint8_t token[WIRE_ID_BYTES];
};

static struct ses_host *find(struct ses *ses, const uint8_t *token)
{
	struct ses_host *host;

	LIST_FOREACH(host, &ses->hosts, link)
		if (memcmp(host->token, token, WIRE_ID_BYTES) == 0)
			return host;
	return NULL;
}

static void forget(struct ses_host *host)
{
	if (!host)
		return;
	LIST_REMOVE(host, link);
	free(host);
}

/**
 * ses_hosts_client_gone() - it may come back over another connection
 * @client: NULL: all
 */
void ses_hosts_client_gone(struct ses *ses, const struct ctl_client *client)
{
	struct ses_host *host, *next;

	for (host = LIST_FIRST(&ses->hosts); host; host = next) {
		next = LIST_NEXT(host, link);
		if (!client || host->client == client)
			forget(host);
	}
}

static int own(struct ses *ses, const struct ses_ask *ask, struct err *err)
{
	struct ses_host *host = calloc(1, sizeof(*host));

	if (!host)
		return err_set(err, ERR_KERNEL, ENOMEM, "command");
	forget(find(ses, ask->token));
	host->client = ask->client;
	memcpy(host->token, ask->token, WIRE_ID_BYTES);
	LIST_INSERT_HEAD(&ses->hosts, host, link);
	return 0;
}

static int begin(struct ses *ses, const struct pol_session *session,
		 const struct ses_ask *ask, struct ctl_fail *fail)
{
	int64_t id;

	/* The row comes last: one that stays open says that it was begun. */
	if (ses_host_remember(ses, session, &fail->err) < 0 ||
	    ses_audit_ask(ses->audit, ask, &id, &fail->err) < 0)
		return err_wrap(&fail->err, "sessions");
	ses_events_tell(ses->events, "exec", "", session->key, "on the host");
	return 0;
}

/**
 * ses_host_tool() - write down that the client runs a tool
 * @ask: with its token and its client
 *
 * No row of the log, no command.
 */
int ses_host_tool(struct ses *ses, const struct pol_session *session,
		  const struct ses_ask *ask, struct ctl_fail *fail)
{
	if (ses_store_need(ses, fail) < 0 ||
	    own(ses, ask, &fail->err) < 0)
		return -1;
	if (begin(ses, session, ask, fail) == 0)
		return 0;
	forget(find(ses, ask->token));
	return -1;
}

/**
 * ses_host_start() - write down that the client runs a command
 */
int ses_host_start(struct ses *ses, struct ctl_client *client,
		   const struct pol_session *session,
		   const struct ctl_command *cmd, struct ctl_fail *fail)
{
	const struct ses_ask ask = {
		.tool = cmd->login ? "shell" : "exec",
		.session = session->key,
		.agent = session->agent_id,
		.strings = cmd->strings,
		.argc = cmd->argc,
		.token = cmd->token,
		.sandboxed = false,
		.client = client,
	};

	return begin(ses, session, &ask, fail);
}

/**
 * ses_host_reply() - let the client run it
 */
void ses_host_reply(struct ctl_client *client, uint32_t seq,
		    struct ctl_command *cmd)
{
	Ctl__Reply reply = CTL__REPLY__INIT;
	Ctl__Started msg = CTL__STARTED__INIT;

	msg.host = true;
	msg.token.data = cmd->token;
	msg.token.len = WIRE_ID_BYTES;
	reply.re_case = CTL__REPLY__RE_STARTED;
	reply.started = &msg;
	ctl_reply(client, seq, &reply, -1);
}

/**
 * ses_req_host_done() - what the client says of such a command
 */
int ses_req_host_done(struct ses *ses, struct ctl_client *client,
		      const Ctl__Request *req, struct ctl_fail *fail)
{
	const Ctl__HostDone *msg = req->host_done;
	const struct ses_host *host;
	struct ctl_result result = {
		.status = msg->status & 0xff,
		.wall_usec = msg->wall_usec,
	};

	if (msg->token.len != WIRE_ID_BYTES)
		return err_set(&fail->err, ERR_BAD_REQUEST, 0,
			       "command: its token is not of %d bytes",
			       WIRE_ID_BYTES);
	if (ctl_exec_find(ses->ctl, msg->token.data, msg->token.len))
		return err_set(&fail->err, ERR_BAD_REQUEST, 0,
			       "command: it runs in a sandbox");
	host = find(ses, msg->token.data);
	if (host && host->client != client)
		return err_set(&fail->err, ERR_BAD_REQUEST, 0,
			       "command: another connection runs it");
	if (ses_audit_over(ses->audit, 0, msg->token.data, &result,
			   &fail->err) < 0)
		return -1;
	forget(find(ses, msg->token.data));
	ctl_reply_done(client, req->seq);
	return 0;
}
