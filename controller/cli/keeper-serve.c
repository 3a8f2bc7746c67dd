// SPDX-License-Identifier: Apache-2.0
/*
 * What clients ask of the keeper of a command in the background: one question a
 * connection.  They are of the same user, and of perhaps another session's
 * agent, who is not told the folder; a client that stops half-way costs a
 * moment.
 */
#include <config.h>

#include "controller/cli/keeper-own.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "proto/cleanup.h"
#include "proto/exit-codes.h"

#define PATIENCE_SECONDS 2

struct reply {
	struct keeper_answer answer;
	char *text; /* owned */
};

/**
 * keeper_status() - as creel(1) says it
 */
uint32_t keeper_status(const struct keeper *keeper)
{
	int status = keeper->wait_status;

	if (keeper->timed_out)
		return CREEL_EXIT_TIMEOUT;
	if (!keeper->reaped)
		return CREEL_EXIT_SIGNAL + SIGKILL;
	return WIFSIGNALED(status) ?
		       (uint32_t)(CREEL_EXIT_SIGNAL + WTERMSIG(status)) :
		       (uint32_t)WEXITSTATUS(status);
}

static void set_text(struct keeper *keeper, uint64_t from, size_t max,
		     struct reply *reply)
{
	reply->text = keeper_ring_cut(&keeper->out, from, max,
				      &reply->answer.text_len);
	if (!reply->text)
		err_set(&reply->answer.fail, ERR_KERNEL, ENOMEM, "output");
}

static void poll_output(struct keeper *keeper,
			const struct tool_process_request *request,
			struct reply *reply)
{
	if (keeper->polled < keeper->out.start) {
		reply->answer.dropped_bytes =
			keeper->out.start - keeper->polled;
		keeper->polled = keeper->out.start;
	}
	set_text(keeper, keeper->polled, request->max_output, reply);
	keeper->polled += reply->answer.text_len;
}

static void log_output(struct keeper *keeper,
		       const struct tool_process_request *request,
		       struct reply *reply)
{
	uint64_t from, to;

	reply->answer.lines =
		keeper_ring_lines(&keeper->out, request, &from, &to);
	reply->answer.dropped_bytes = keeper->out.start;
	set_text(keeper, from,
		 to - from < request->max_output ? (size_t)(to - from) :
						   request->max_output,
		 reply);
}

static void write_input(struct keeper *keeper,
			const struct tool_process_request *request,
			struct reply *reply)
{
	struct err *err = &reply->answer.fail;

	if (keeper->over) {
		err_set(err, ERR_BAD_STATE, 0, "it is over");
	} else if (keeper_stream_feed(keeper, request->data,
				      request->data_len) == 0) {
		keeper->input_ends = request->eof;
		keeper_stream_write(keeper);
	} else if (errno == EPIPE) {
		err_set(err, ERR_BAD_STATE, 0, "its input is closed");
	} else {
		err_set(err, ERR_LIMIT, 0,
			"it has not read what it was sent before");
	}
}

static void end(struct keeper *keeper)
{
	keeper->killed = keeper->killed || !keeper->over;
	keeper_tree_kill(keeper);
}

static void act(struct keeper *keeper,
		const struct tool_process_request *request,
		struct reply *reply)
{
	switch (request->action) {
	case TOOL_PROCESS_LIST:
		return;
	case TOOL_PROCESS_POLL:
		poll_output(keeper, request, reply);
		return;
	case TOOL_PROCESS_LOG:
		log_output(keeper, request, reply);
		return;
	case TOOL_PROCESS_WRITE:
		write_input(keeper, request, reply);
		return;
	case TOOL_PROCESS_KILL:
		if (keeper->over)
			err_set(&reply->answer.fail, ERR_BAD_STATE, 0,
				"it is over");
		else
			end(keeper);
		return;
	case TOOL_PROCESS_CLEAR:
		if (!keeper->over)
			err_set(&reply->answer.fail, ERR_BAD_STATE, 0,
				"it runs still");
		keeper->forgotten = keeper->over;
		return;
	case TOOL_PROCESS_REMOVE:
		end(keeper);
		keeper->forgotten = true;
		return;
	case TOOL_PROCESS_INVALID:
		break;
	}
	err_set(&reply->answer.fail, ERR_BAD_REQUEST, 0, "not an action");
}

static void set_info(const struct keeper *keeper, struct tool_process_info *to)
{
	*to = (struct tool_process_info){
		.pid = (uint32_t)keeper->pid,
		.started_ms = keeper->started_ms,
		.ended_ms = keeper->ended_ms,
		.over = keeper->over,
		.status = keeper->over ? keeper_status(keeper) : 0,
		.timed_out = keeper->timed_out,
		.killed = keeper->killed,
		.pty = keeper->order->command->pty,
		.output_bytes = keeper->out.total + keeper->err.total,
		.dropped_bytes = keeper->out.start + keeper->err.start,
	};
}

static void answer(struct keeper *keeper, int fd, struct reply *reply)
{
	const char *shown = keeper->order->command->shown;
	const char *command = shown ? shown : keeper->order->command->argv[0];
	struct keeper_answer *head = &reply->answer;
	const struct keeper_part parts[] = {
		{ head, sizeof(*head) },
		{ command, strlen(command) + 1 },
		{ keeper->order->workdir, strlen(keeper->order->workdir) + 1 },
		{ reply->text, head->text_len },
	};

	head->command_len = parts[1].len;
	head->workdir_len = parts[2].len;
	set_info(keeper, &head->info);
	/* A client that is gone loses what it was told, as it would later. */
	(void)keeper_send(fd, KEEPER_ANSWER, parts, KEEPER_PARTS);
}

static bool is_own(int fd)
{
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	       peer.uid == geteuid();
}

/**
 * keeper_serve() - somebody knocks
 */
void keeper_serve(struct keeper *keeper)
{
	const struct timeval patience = { .tv_sec = PATIENCE_SECONDS };
	auto_fd fd = accept4(keeper->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	struct keeper_message message = { .kind = KEEPER_INVALID };
	struct tool_process_request request;
	struct reply reply = { .text = NULL };

	if (fd < 0 || !is_own(fd))
		return;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
			 sizeof(patience));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
			 sizeof(patience));
	if (keeper_receive(fd, &message) > 0 &&
	    message.kind == KEEPER_REQUEST && message.len >= sizeof(request)) {
		memcpy(&request, message.body, sizeof(request));
		request.data = message.body + sizeof(request);
		request.data_len = message.len - sizeof(request);
		if (keeper->out_fd >= 0)
			keeper_stream_read(keeper, false);
		act(keeper, &request, &reply);
		/* What it comes to is in the answer. */
		keeper_tree_reap(keeper);
		keeper_settle(keeper);
		/* Who hears that it is forgotten finds nothing of it. */
		if (keeper->forgotten)
			keeper_leave(keeper);
		answer(keeper, fd, &reply);
	}
	free(reply.text);
	keeper_message_fini(&message);
}
