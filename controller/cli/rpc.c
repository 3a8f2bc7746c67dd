// SPDX-License-Identifier: Apache-2.0
/*
 * One request, its replies, and what is said when they do not come.
 */
#include <config.h>

#include "controller/cli/rpc.h"

#include <stdalign.h>
#include <stddef.h>
#include <time.h>

#include "controller/cli/report.h"
#include "proto/arena.h"
#include "proto/cleanup.h"
#include "proto/exit-codes.h"

/**
 * cli_frame_init() - a frame with this process's one buffer
 */
void cli_frame_init(struct wire_frame *frame)
{
	static uint8_t buf[WIRE_FRAME_MAX_BYTES];

	wire_frame_init(frame, buf, sizeof(buf));
}

/**
 * cli_reply_unpack() - decode a datagram from creeld
 *
 * Return: a reply that lives until the next call, or NULL.
 */
Ctl__Reply *cli_reply_unpack(const struct wire_frame *frame, struct err *err)
{
	static alignas(max_align_t) unsigned char memory[WIRE_ARENA_BYTES];
	static struct arena arena;

	if (!arena.base)
		arena_init(&arena, memory, sizeof(memory));
	return (Ctl__Reply *)wire_unpack(&ctl__reply__descriptor, &arena,
					 frame->buf, frame->len, err);
}

/**
 * cli_report_error() - print an error that creeld sent
 * @otherwise: the exit status where it names none
 *
 * Return: the exit status.
 */
int cli_report_error(const Ctl__Error *error, int otherwise)
{
	cli_error("%s", error->text);
	if (error->hint && error->hint[0])
		cli_hint("%s", error->hint);
	if (error->status > 0 && error->status < 256)
		return (int)error->status;
	return otherwise;
}

/**
 * cli_time_up() - whether a time has passed
 * @since: zero at first: set to now
 */
bool cli_time_up(struct timespec *since, unsigned int msec)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	if (!since->tv_sec && !since->tv_nsec)
		*since = now;
	return (now.tv_sec - since->tv_sec) * 1000 +
		       (now.tv_nsec - since->tv_nsec) / 1000000 >=
	       (long)msec;
}

struct question {
	struct cli_target target;
	cli_reply_fn *take;
	void *arg;
	Ctl__Reply__ReCase wanted; /* or an error */
	bool answered; /* by this connection */
};

static Ctl__Reply__ReCase answer_to(const Ctl__Request *request)
{
	if (request->op_case == CTL__REQUEST__OP_VERSION)
		return CTL__REPLY__RE_INFO;
	if (request->op_case == CTL__REQUEST__OP_LIST ||
	    request->op_case == CTL__REQUEST__OP_STATS ||
	    request->op_case == CTL__REQUEST__OP_RECREATE ||
	    request->op_case == CTL__REQUEST__OP_PRUNE)
		return CTL__REPLY__RE_ITEMS;
	if (request->op_case == CTL__REQUEST__OP_LOGS)
		return CTL__REPLY__RE_RECORDS;
	if (request->op_case == CTL__REQUEST__OP_EVENTS)
		return CTL__REPLY__RE_EVENT;
	if (request->op_case == CTL__REQUEST__OP_MEDIA_ADD)
		return CTL__REPLY__RE_MEDIA;
	return CTL__REPLY__RE_DONE;
}

/*
 * Reads replies until the last has been taken. A refusal by the helper, which
 * answers no request, is WIRE_AGAIN where another helper is to be asked.
 */
static enum wire_status read_replies(int sock, struct question *question,
				     struct err *err)
{
	auto_frame frame;
	enum wire_status status;
	Ctl__Reply *reply;

	cli_frame_init(&frame);
	for (;;) {
		status = wire_recv(sock, &frame, WIRE_MAX_FDS, err);
		if (status != WIRE_GOT)
			return status;
		reply = cli_reply_unpack(&frame, err);
		if (!reply)
			return WIRE_BROKEN;
		if (reply->seq == 0 &&
		    cli_target_fall_back(&question->target))
			return WIRE_AGAIN;
		if (reply->re_case != CTL__REPLY__RE_ERROR &&
		    reply->re_case != question->wanted) {
			(void)err_set(err, ERR_BAD_REQUEST, 0,
				      "answered another question");
			return WIRE_BROKEN;
		}
		question->answered = true;
		if (!question->take(reply, question->arg))
			return WIRE_GOT;
	}
}

/**
 * cli_ask() - send a request and hand its replies on
 * @request: seq is set here
 * @take:    called for each
 *
 * A controller that died is started again by its helper, so an end of file is
 * no reason to give up at once: all requests of this kind can be repeated.
 *
 * Return: 0, or -1 with a message printed.
 */
int cli_ask(const struct cli_args *args, Ctl__Request *request,
	    cli_reply_fn *take, void *arg)
{
	struct timespec since = { 0 };
	struct err err = ERR_INIT;
	struct question question = { .take = take, .arg = arg,
				     .wanted = answer_to(request) };
	enum wire_status status;

	request->seq = 1;
	cli_target_choose(args, &question.target);
	for (;;) {
		auto_fd sock = cli_connect(&question.target, &err);

		if (sock < 0)
			break;
		/* One that refuses has closed its end, but said why. */
		(void)wire_send_msg(sock, &request->base, WIRE_FRAME_MAX_BYTES,
				    NULL, 0, &err);
		status = read_replies(sock, &question, &err);
		if (status == WIRE_GOT)
			return 0;
		if (status == WIRE_AGAIN)
			continue;
		if (status == WIRE_BROKEN) {
			cli_error("creeld: %s", err.text);
			return -1;
		}
		/* What is followed for hours may be lost more than once. */
		if (question.answered)
			since = (struct timespec){ 0 };
		question.answered = false;
		if (cli_time_up(&since, CLI_RECONNECT_MS)) {
			cli_error("creeld: closed the connection");
			cli_hint("`creel doctor' looks for what is missing");
			return -1;
		}
		(void)nanosleep(&(struct timespec){ .tv_nsec = CLI_RETRY_MS *
							       1000000l },
				NULL);
	}
	cli_error("%s", err.text);
	cli_connect_hint(&err);
	return -1;
}
