// SPDX-License-Identifier: Apache-2.0
/*
 * Tools outside of any sandbox: the process of a call.  It is a copy of the
 * client, with his configuration and environment, that has nothing of his open.
 */
#include <config.h>

#include "controller/cli/tool-host-own.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "controller/cli/tool-host-parents.h"
#include "proto/cleanup.h"

#define LINE_BYTES 200

const struct tool_backend host_backend = {
	.read = host_read,
	.commit = host_commit,
	.list = host_list,
	.stat = host_stat,
	.run = host_run,
	.process = host_process,
	.compute = host_compute,
	.cancel = host_cancel,
};

static void write_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t put = write(fd, bytes, len);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			_exit(1);
		bytes += put;
		len -= (size_t)put;
	}
}

/**
 * host_call_tell() - say something to the client
 */
void host_call_tell(int fd, const struct host_head *head, const char *bytes)
{
	write_all(fd, (const char *)head, sizeof(*head));
	write_all(fd, bytes, head->len);
}

static _Noreturn void say_result(const struct host_call *host,
				 const struct host_head *head,
				 const char *json, size_t len)
{
	struct host_head full = *head;

	if (!json)
		_exit(1);
	full.result = true;
	full.len = (uint32_t)len;
	host_call_tell(host->fd, &full, json);
	_exit(0);
}

/* Before there was a call. */
static _Noreturn void give_up(const struct host_call *host, const char *code,
			      const struct err *err)
{
	const struct host_head head = { .error = true, .status = 1 };
	size_t len = 0;
	char *json = tool_error_json(code, err->text, false, &len);

	say_result(host, &head, json, len);
}

static void on_done(struct tool_call *call, void *arg)
{
	const struct host_call *host = arg;
	const struct host_head head = { .error = call->result->error,
					.status = call->result->status };
	size_t len = 0;
	char *json = tool_result_json(call, &len);

	say_result(host, &head, json, len);
}

/* The last line, without what a terminal would act on. */
static void on_progress(struct tool_call *call, uint64_t output_bytes,
			const char *text, size_t len, void *arg)
{
	const struct host_call *host = arg;
	struct host_head head = { .output_bytes = output_bytes };
	auto_free char *line = NULL;
	size_t line_len = 0;
	size_t from;

	(void)call;
	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		len--;
	for (from = len; from > 0 && len - from < LINE_BYTES; from--)
		if (text[from - 1] == '\n' || text[from - 1] == '\r')
			break;
	line = tool_utf8(text + from, len - from, &line_len);
	if (!line)
		return;
	for (size_t i = 0; i < line_len; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = ' ';
	head.len = (uint32_t)line_len;
	host_call_tell(host->fd, &head, line);
}

static void prepare(struct host_call *host, struct tool_env *env)
{
	const struct tool_host_request *request = host->request;
	struct err err = ERR_INIT;

	host->session = pol_session_new(request->cfg, request->session, NULL,
					&err);
	if (!host->session)
		give_up(host, "invalid_argument", &err);
	if (keeper_place_init(&host->place, request->cfg->path,
			      host->session->key, &err) < 0)
		give_up(host, "internal", &err);
	/* Made where it is missing, as the gateway does. */
	if (host_make_dir(host->session->agent_workspace) < 0) {
		err_set(&err, ERR_KERNEL, errno, "workspace %.100s",
			host->session->agent_workspace);
		give_up(host, "workspace", &err);
	}
	*env = (struct tool_env){
		.session = host->session,
		.root = host->session->agent_workspace,
		.host_env = (const char *const *)environ,
	};
}

/**
 * host_call_run() - from a request to a result
 * @fd: where it is told
 */
_Noreturn void host_call_run(const struct tool_host_request *request, int fd)
{
	struct host_call host = { .request = request, .fd = fd };
	const struct tool *tool = tool_find(request->cfg, request->name);
	json_t *args = json_loadb(request->args, request->len,
				  JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL,
				  NULL);
	struct err err = ERR_INIT;
	struct tool_call *call;
	struct tool_env env;

	if (!tool) {
		err_set(&err, ERR_BAD_REQUEST, 0, "%.60s: there is no such tool",
			request->name);
		give_up(&host, "invalid_argument", &err);
	}
	prepare(&host, &env);
	call = tool_call_new(tool, &env, args, &err);
	if (!call) {
		give_up(&host, "invalid_argument", &err);
		_exit(1);
	}
	memcpy(call->token, request->token, sizeof(call->token));
	call->elevated = request->elevated;
	call->backend = &host_backend;
	call->backend_arg = &host;
	call->done = on_done;
	call->progress = on_progress;
	call->arg = &host;
	tool_start(call);
	/* Whatever it asked for was answered: there is nothing left to end it. */
	err_set(&err, ERR_INTERNAL, 0, "%.60s: it has no end", request->name);
	give_up(&host, "internal", &err);
}
