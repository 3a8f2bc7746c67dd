// SPDX-License-Identifier: Apache-2.0
/*
 * The streams of a command: what it prints goes to its spool, one step a turn
 * of the loop, so that no flood holds up anybody else; what it is to read waits
 * until there is room.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include <event2/event.h>

#include "controller/core/log.h"
#include "controller/session/run.h"
#include "proto/cleanup.h"

#define DRAIN_STEPS 64
#define LINE_BYTES 256
#define END_OF_FILE 4 /* ^D, of a terminal */

/**
 * ses_stream_init() - not there yet
 */
void ses_stream_init(struct ses_stream *stream, struct ses_run *run)
{
	stream->run = run;
	stream->fd = -1;
	spool_init(&stream->spool);
}

static void close_stream(struct ses_stream *stream)
{
	if (stream->event)
		event_free(stream->event);
	stream->event = NULL;
	fd_close(&stream->fd);
}

/**
 * ses_stream_fini() - release
 */
void ses_stream_fini(struct ses_stream *stream)
{
	close_stream(stream);
	spool_fini(&stream->spool);
}

/* The last line of it, for whoever watches. */
static void tell_progress(struct ses_run *run, const struct spool *spool)
{
	char buf[LINE_BYTES];
	uint64_t at = spool->total > LINE_BYTES ? spool->total - LINE_BYTES : 0;
	const char *line = buf;
	ssize_t len;

	if (!run->call || !run->call->progress || run->call->over)
		return;
	len = spool_read(spool, &at, buf, sizeof(buf));
	if (len < 0)
		len = 0;
	while (len > 0 && (buf[len - 1] == '\n' || buf[len - 1] == '\r'))
		len--;
	for (ssize_t i = 0; i < len; i++)
		if (buf[i] == '\n' || buf[i] == '\r')
			line = buf + i + 1;
	run->call->progress(run->call, spool->total, line,
			    (size_t)(buf + len - line), run->call->arg);
}

/* Without a file the newest stays in memory, which is what the answer needs. */
static void make_file(struct ses_run *run)
{
	struct err err = ERR_INIT;

	if (ses_run_file_new(run, &err) < 0)
		ctl_log(CTL_LOG_WARN, "output of a command: %s", err.text);
}

static ssize_t step(struct ses_stream *stream)
{
	struct ses_run *run = stream->run;

	if (!run->split && !run->file[0] && spool_wants_file(&stream->spool) &&
	    !run->out.spool.tried) {
		stream->spool.tried = true;
		make_file(run);
	}
	return spool_take(&stream->spool, stream->fd, SPOOL_STEP_BYTES);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct ses_stream *stream = arg;
	struct ses_run *run = stream->run;
	ssize_t got = step(stream);

	(void)fd;
	(void)what;
	if (got > 0) {
		tell_progress(run, &stream->spool);
		return;
	}
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	close_stream(stream);
	if (run->state == SES_RUN_DRAINING)
		ses_run_finish(run);
}

/**
 * ses_stream_listen() - read what comes
 * @fd: does not block; taken over in any case; -1 is an error
 */
int ses_stream_listen(struct ses_stream *stream, int fd)
{
	struct event_base *base = stream->run->ses->base;

	stream->fd = fd;
	if (fd < 0)
		return -1;
	stream->event = event_new(base, fd, EV_READ | EV_PERSIST, on_readable,
				  stream);
	return stream->event ? event_add(stream->event, NULL) : -1;
}

/**
 * ses_stream_drain() - what a pipe holds now, and no more: somebody may go on
 * writing
 */
void ses_stream_drain(struct ses_stream *stream)
{
	int left = 0;

	if (stream->fd < 0 || ioctl(stream->fd, FIONREAD, &left) < 0)
		return;
	for (int i = 0; i < DRAIN_STEPS && left > 0; i++) {
		ssize_t got = step(stream);

		if (got <= 0)
			break;
		left -= (int)got;
	}
}

static void close_input(struct ses_input *input)
{
	if (input->event)
		event_free(input->event);
	input->event = NULL;
	fd_close(&input->fd);
}

/**
 * ses_input_fini() - release
 */
void ses_input_fini(struct ses_input *input)
{
	close_input(input);
	ptr_free(&input->bytes);
	input->at = input->len = 0;
}

static int queue(struct ses_input *input, const char *bytes, size_t len)
{
	const size_t waiting = input->len - input->at;
	char *grown = malloc(waiting + len + 1);

	if (!grown)
		return -1;
	if (waiting)
		memcpy(grown, input->bytes + input->at, waiting);
	memcpy(grown + waiting, bytes, len);
	free(input->bytes);
	input->bytes = grown;
	input->at = 0;
	input->len = waiting + len;
	return 0;
}

static void push_all(struct ses_run *run);

/* pid 1 has the other copy of a pipe's end. */
static void end_input(struct ses_run *run)
{
	static const char eof = END_OF_FILE;
	struct ses_input *input = &run->input;

	if (run->tty) {
		input->closing = false;
		if (queue(input, &eof, 1) == 0)
			push_all(run);
		return;
	}
	close_input(input);
	if (run->exec && run->sandbox)
		ctl_init_close_input(run->sandbox, run->token);
}

/* Return: false: no more is wanted. */
static bool push(struct ses_input *input)
{
	while (input->at < input->len) {
		ssize_t put = spool_write_now(input->fd,
					      input->bytes + input->at,
					      input->len - input->at);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0 && errno == EAGAIN)
			return true;
		if (put < 0)
			return false;
		input->at += (size_t)put;
	}
	ptr_free(&input->bytes);
	input->at = input->len = 0;
	return true;
}

static void push_all(struct ses_run *run)
{
	struct ses_input *input = &run->input;
	const bool wanted = push(input);

	if (wanted && input->len > 0) {
		(void)event_add(input->event, NULL);
		return;
	}
	if (!wanted && !run->tty) {
		ses_input_fini(input);
		return;
	}
	if (input->closing)
		end_input(run);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	push_all(arg);
}

/**
 * ses_run_give() - all that it gets to read, before it starts
 */
int ses_run_give(struct ses_run *run, const char *bytes, size_t len)
{
	run->input.closing = true;
	return queue(&run->input, bytes, len);
}

static int need_event(struct ses_run *run)
{
	struct ses_input *input = &run->input;

	if (!input->event)
		input->event = event_new(run->ses->base, input->fd, EV_WRITE,
					 on_writable, run);
	return input->event ? 0 : -1;
}

/**
 * ses_input_begin() - it has started: what waits for it may be written
 */
int ses_input_begin(struct ses_run *run)
{
	if (!run->input.closing)
		return 0;
	if (need_event(run) < 0)
		return -1;
	push_all(run);
	return 0;
}

/* What all commands of its sandbox have not read. */
static size_t waiting_of_all(const struct ses_run *run)
{
	const struct ses_run *other;
	size_t bytes = 0;

	LIST_FOREACH(other, &run->ses->runs->list, link)
		if (other->sandbox == run->sandbox)
			bytes += other->input.len - other->input.at;
	return bytes;
}

/**
 * ses_input_write() - to its stdin, or its terminal
 * @eof: nothing follows
 *
 * Return: 0 or -1: BAD_STATE: it is closed; LIMIT: it does not read.
 */
int ses_input_write(struct ses_run *run, const char *bytes, size_t len,
		    bool eof, struct err *err)
{
	struct ses_input *input = &run->input;
	const size_t waiting = input->len - input->at;

	if (input->fd < 0 || (input->closing && !run->tty))
		return err_set(err, ERR_BAD_STATE, 0, "its stdin is closed");
	if (len + waiting > SES_RUN_INPUT_BYTES)
		return err_set(err, ERR_LIMIT, 0,
			       "%zu bytes wait already to be read by it",
			       waiting);
	if (len + waiting_of_all(run) > SES_RUN_INPUTS_BYTES)
		return err_set(err, ERR_LIMIT, 0,
			       "more than %u MiB wait to be read by this session's processes",
			       SES_RUN_INPUTS_BYTES >> 20);
	if (need_event(run) < 0 || (len > 0 && queue(input, bytes, len) < 0))
		return err_set(err, ERR_KERNEL, ENOMEM, "stdin");
	input->closing = input->closing || eof;
	push_all(run);
	return 0;
}
