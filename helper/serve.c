// SPDX-License-Identifier: Apache-2.0
/*
 * The dispatcher's loop. Between one poll(2) and the next it takes what the
 * spawner reports, then requests, then clients; requests and clients only
 * while everything is told, so that a controller that does not listen is not
 * served either. The table lives here, in memory that is never freed.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdalign.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helper/dispatch.h"
#include "helper/log.h"
#include "proto/cleanup.h"
#include "proto/exit-codes.h"

#define NO_EXIT (-1)
#define RETRY_MS 50
#define QUIET_MS 3
#define MAX_REQUESTS_A_ROUND 64

enum { POLL_SPAWNER, POLL_CONTROL, POLL_USER, POLL_LINK, POLL_COUNT };

static int set_nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 ? -1 : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

/**
 * hlp_spawner_read() - take every report that is there
 *
 * Only sets flags in the table, so that it can be called in the midst of a
 * verb. Return: 0, or -1 where the spawner is gone.
 */
int hlp_spawner_read(struct hlp_ctx *ctx)
{
	struct hlp_report report;
	auto_frame frame = { .n_fds = 0 };
	struct err err = ERR_INIT;

	wire_frame_init(&frame, (uint8_t *)&report, sizeof(report));
	for (;;) {
		switch (wire_recv(ctx->spawner_fd, &frame, 1, &err)) {
		case WIRE_GOT:
			if (frame.len != sizeof(report))
				return -1;
			hlp_event_report(ctx, &report,
					 wire_frame_take_fd(&frame, 0));
			break;
		case WIRE_AGAIN:
			return 0;
		case WIRE_EOF:
		case WIRE_BROKEN:
			return -1;
		}
	}
}

/**
 * hlp_spawner_send() - have the spawner act
 * @fds: still the caller's afterwards
 *
 * Waits for room, and takes reports meanwhile: the spawner may be waiting for
 * room as well. Return: 0, or -1 with INTERNAL where it is gone.
 */
int hlp_spawner_send(struct hlp_ctx *ctx, const struct hlp_step *step,
		     const int *fds, size_t n_fds, struct err *err)
{
	struct pollfd pfd = { .fd = ctx->spawner_fd,
			      .events = POLLIN | POLLOUT };
	struct err why = ERR_INIT;

	while (wire_send(ctx->spawner_fd, step, sizeof(*step), fds, n_fds,
			 &why) < 0) {
		if (why.sys != EAGAIN || poll(&pfd, 1, -1) < 0 ||
		    hlp_spawner_read(ctx) < 0)
			return err_set(err, ERR_INTERNAL, 0,
				       "the spawner is gone");
	}
	return 0;
}

static short state_of(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, 0) > 0 ? pfd.revents : 0;
}

/* A controller is gone: end, or ask for the next one. */
static int detach(struct hlp_ctx *ctx)
{
	struct err err = ERR_INIT;

	fd_close(&ctx->control_fd);
	hlp_dispatch_reset(ctx);
	if (ctx->user_fd < 0 ||
	    wire_send(ctx->user_fd, "n", 1, NULL, 0, &err) < 0)
		return CREEL_EXIT_STOPPED;
	return NO_EXIT;
}

static int violated(const char *why)
{
	hlp_log(HLP_LOG_ERR, "controller: %s", why);
	return CREEL_EXIT_VIOLATION;
}

static int serve_requests(struct hlp_ctx *ctx)
{
	static uint8_t buf[WIRE_HELPER_MAX_BYTES];
	struct err err = ERR_INIT;
	auto_frame frame = { .n_fds = 0 };

	wire_frame_init(&frame, buf, sizeof(buf));
	for (int n = 0; n < MAX_REQUESTS_A_ROUND && hlp_event_flush(ctx); n++) {
		switch (wire_recv(ctx->control_fd, &frame, WIRE_MAX_FDS,
				  &err)) {
		case WIRE_AGAIN:
			return NO_EXIT;
		case WIRE_EOF:
			/* An empty datagram reads like the end of file. */
			return state_of(ctx->control_fd) & POLLHUP ?
				       detach(ctx) :
				       violated("empty datagram");
		case WIRE_GOT:
			if (hlp_dispatch_request(ctx, &frame, &err) < 0)
				return violated(err.text);
			break;
		case WIRE_BROKEN:
			return violated(err.text);
		}
		/* A client that came meanwhile is the next controller's. */
		if (ctx->state == HLP_ST_END)
			return state_of(ctx->link_fd) & POLLIN ?
				       detach(ctx) :
				       CREEL_EXIT_STOPPED;
	}
	return NO_EXIT;
}

/* U and L send one descriptor with one byte. */
static enum wire_status take_fd(int sock, int *fd)
{
	uint8_t byte;
	struct err err = ERR_INIT;
	auto_frame frame = { .n_fds = 0 };
	enum wire_status status;

	wire_frame_init(&frame, &byte, sizeof(byte));
	status = wire_recv(sock, &frame, 1, &err);
	*fd = wire_frame_take_fd(&frame, 0);
	return status;
}

static int attach(struct hlp_ctx *ctx)
{
	int fd;

	if (take_fd(ctx->user_fd, &fd) != WIRE_GOT || fd < 0 ||
	    set_nonblock(fd) < 0)
		return CREEL_EXIT_STOPPED;
	fd_close(&ctx->control_fd);
	ctx->control_fd = fd;
	hlp_dispatch_reset(ctx);
	return NO_EXIT;
}

/*
 * A client, or word that the listener has closed its own descriptor of the last
 * one, which is kept until then: the listener must not be the last to have it.
 */
static void take_client(struct hlp_ctx *ctx)
{
	enum wire_status status = take_fd(ctx->link_fd, &ctx->conn_fd);

	if (status == WIRE_AGAIN)
		return;
	fd_close(&ctx->held_fd);
	if (status != WIRE_GOT) /* The listener is replaced. */
		fd_close(&ctx->link_fd);
	else if (ctx->conn_fd >= 0)
		ctx->dirty = true;
}

/*
 * How long poll(2) waits. Room in the socket is not all that sending
 * descriptors needs, so what could not be told is tried again after a while.
 * The pool is refilled when nothing has happened for some milliseconds, off
 * the path of whoever waits for a sandbox.
 */
static int patience(const struct hlp_ctx *ctx, bool told)
{
	if (!told && ctx->ready && ctx->control_fd >= 0)
		return RETRY_MS;
	return hlp_dispatch_wants_refill(ctx) ? QUIET_MS : -1;
}

static int serve(struct hlp_ctx *ctx)
{
	bool told = hlp_event_flush(ctx);
	struct pollfd fds[POLL_COUNT] = {
		[POLL_SPAWNER] = { .fd = ctx->spawner_fd, .events = POLLIN },
		[POLL_CONTROL] = { .fd = ctx->ready ? ctx->control_fd : -1,
				   .events = told ? POLLIN : POLLOUT },
		[POLL_USER] = { .fd = ctx->user_fd, .events = POLLIN },
		[POLL_LINK] = { .fd = told ? ctx->link_fd : -1,
				.events = POLLIN },
	};
	int n = poll(fds, POLL_COUNT, patience(ctx, told));
	int status = NO_EXIT;

	if (n < 0)
		return errno == EINTR ? NO_EXIT : CREEL_EXIT_KERNEL;
	if (n == 0 && told && hlp_dispatch_wants_refill(ctx))
		hlp_dispatch_refill(ctx);
	if (fds[POLL_SPAWNER].revents && hlp_spawner_read(ctx) < 0) {
		hlp_log(HLP_LOG_ERR, "spawner is gone");
		return CREEL_EXIT_KERNEL;
	}
	if (fds[POLL_CONTROL].revents && hlp_event_flush(ctx))
		status = serve_requests(ctx);
	if (status == NO_EXIT && fds[POLL_USER].revents)
		status = attach(ctx);
	if (status == NO_EXIT && fds[POLL_LINK].revents &&
	    hlp_event_flush(ctx) && ctx->conn_fd < 0)
		take_client(ctx);
	return status;
}

/**
 * hlp_dispatch_run() - serve controllers until told to stop
 * @ctx: its first members; all privileges are gone and the filter is on
 *
 * Return: the process's exit status, of enum creel_exit.
 */
int hlp_dispatch_run(struct hlp_ctx *ctx)
{
	static struct hlp_table table;
	static alignas(max_align_t) uint8_t memory[WIRE_ARENA_BYTES];
	int status = NO_EXIT;

	hlp_table_init(&table, ctx->policy->max_sandboxes + ctx->policy->pool);
	arena_init(&ctx->arena, memory, sizeof(memory));
	ctx->table = &table;
	ctx->conn_fd = -1;
	ctx->held_fd = -1;
	hlp_dispatch_reset(ctx);
	if (set_nonblock(ctx->spawner_fd) < 0 ||
	    (ctx->control_fd >= 0 && set_nonblock(ctx->control_fd) < 0))
		return CREEL_EXIT_KERNEL;
	if (ctx->user_fd >= 0)
		status = detach(ctx);
	/* Embedded: a sandbox is why it runs, begun before it is asked for. */
	if (ctx->spawner_pid > 0)
		hlp_dispatch_refill(ctx);
	while (status == NO_EXIT)
		status = serve(ctx);
	fd_close(&ctx->control_fd);
	fd_close(&ctx->spawner_fd);
	/* It removes what is left of the sandboxes, then ends. */
	if (ctx->spawner_pid > 0)
		(void)waitpid(ctx->spawner_pid, NULL, 0);
	return status;
}
