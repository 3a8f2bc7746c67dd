// SPDX-License-Identifier: Apache-2.0
/*
 * Refusals in the audit log.  What was asked for has not been checked beyond
 * the protocol: its strings may be anything, and fewer than it says.
 */
#include <config.h>

#include "controller/session/manager.h"

static void tell(struct ses *ses, struct ses_ask *ask, const Ctl__Command *cmd,
		 const struct ctl_fail *fail)
{
	struct err ignored = ERR_INIT;
	int64_t id;

	if (cmd && cmd->strings.len > 0) {
		ask->strings = (const char *)cmd->strings.data;
		ask->strings_len = cmd->strings.len;
		ask->argc = cmd->argc;
	}
	ask->denied = fail->err.text;
	ask->status = fail->status;
	(void)ses_audit_ask(ses->audit, ask, &id, &ignored);
}

/**
 * ses_denied_session() - a command in a session is refused
 */
void ses_denied_session(struct ses *ses, struct ctl_client *client,
			const Ctl__Exec *msg, const struct pol_session *session,
			const struct ctl_fail *fail)
{
	struct ses_ask ask = {
		.tool = msg->command && msg->command->login ? "shell" : "exec",
		.session = session->key,
		.agent = session->agent_id,
		.client = client,
	};

	tell(ses, &ask, msg->command, fail);
}

/**
 * ses_denied() - the core refuses what has to do with no session
 * @arg: the session manager
 */
void ses_denied(void *arg, struct ctl_client *client, const Ctl__Request *req,
		const struct ctl_fail *fail)
{
	const Ctl__Command *cmd = NULL;
	struct ses_ask ask = { .client = client };

	if (req->op_case == CTL__REQUEST__OP_RUN) {
		ask.tool = "run";
		ask.sandbox = req->run->name;
		cmd = req->run->command;
	} else if (req->op_case == CTL__REQUEST__OP_EXEC) {
		cmd = req->exec->command;
		ask.tool = cmd && cmd->login ? "shell" : "exec";
		ask.sandbox = req->exec->target;
	} else {
		return;
	}
	tell(arg, &ask, cmd, fail);
}
