// SPDX-License-Identifier: Apache-2.0
/*
 * Bytes between the server and standard input and output, until one of them
 * ends, or a signal comes.  Nothing else is ever written there.
 */
#include <config.h>

#include "controller/mcp/stdio.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>

#include "proto/cleanup.h"

#define CHUNK_BYTES 65536
#define SMALL_BYTES 4096 /* a pipe that says it can be written takes this */
#define LAST_WORDS_SEC 5 /* for a client that has ended, and may still read */

static const int signals[] = { SIGTERM, SIGINT, SIGHUP };

#define N_SIGNALS (sizeof(signals) / sizeof(signals[0]))

struct stdio {
	struct event_base *base;     /* owned */
	struct mcp_server *server;   /* owned */
	struct event *in, *out, *end; /* owned */
	struct event *signals[N_SIGNALS]; /* owned */
	void (*failed)(const struct err *err, const char *hint);
	int flags;  /* that standard output had; -1: they are as they were */
	bool ending; /* the last words have their time */
	bool quit;
	char chunk[CHUNK_BYTES];
};

/* Events follow what the server wants. */
static void on_changed(void *arg)
{
	struct stdio *io = arg;

	if (!io->server)
		return;
	if (mcp_server_wants(io->server))
		(void)event_add(io->in, NULL);
	else
		(void)event_del(io->in);
	if (evbuffer_get_length(mcp_server_output(io->server)) > 0)
		(void)event_add(io->out, NULL);
	else
		(void)event_del(io->out);
}

static void on_failed(void *arg, const struct err *err, const char *hint)
{
	struct stdio *io = arg;

	io->failed(err, hint);
}

static bool is_passing(int error)
{
	return error == EINTR || error == EAGAIN;
}

static void on_in(int fd, short what, void *arg)
{
	struct stdio *io = arg;
	ssize_t len = read(fd, io->chunk, sizeof(io->chunk));

	(void)what;
	if (len > 0)
		mcp_server_input(io->server, io->chunk, (size_t)len);
	else if (len == 0 || !is_passing(errno))
		mcp_server_end(io->server);
	on_changed(io);
}

static void on_out(int fd, short what, void *arg)
{
	struct stdio *io = arg;
	struct evbuffer *out = mcp_server_output(io->server);
	int ret = evbuffer_write_atmost(out, fd,
					io->flags < 0 ? SMALL_BYTES : -1);

	(void)what;
	/* Who would read an answer is gone: so is who would ask. */
	if (ret < 0 && !is_passing(errno))
		io->quit = true;
	mcp_server_written(io->server);
	on_changed(io);
}

static void on_quit(int fd, short what, void *arg)
{
	struct stdio *io = arg;

	(void)fd;
	(void)what;
	io->quit = true;
}

/*
 * A pipe or a socket of the client's is made not to block; a terminal or a file
 * is others', too, and takes little at a time.
 */
static void unblock(struct stdio *io)
{
	struct stat st;

	io->flags = -1;
	if (fstat(1, &st) || (!S_ISFIFO(st.st_mode) && !S_ISSOCK(st.st_mode)))
		return;
	io->flags = fcntl(1, F_GETFL);
	if (io->flags >= 0 && fcntl(1, F_SETFL, io->flags | O_NONBLOCK))
		io->flags = -1;
}

/* poll(2), because epoll(7) has no regular files. */
static struct event_base *new_base(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base = NULL;

	if (config && !event_config_avoid_method(config, "epoll"))
		base = event_base_new_with_config(config);
	if (config)
		event_config_free(config);
	return base;
}

static int prepare(struct stdio *io)
{
	io->base = new_base();
	if (!io->base)
		return -1;
	io->in = event_new(io->base, 0, EV_READ | EV_PERSIST, on_in, io);
	io->out = event_new(io->base, 1, EV_WRITE | EV_PERSIST, on_out, io);
	io->end = event_new(io->base, -1, 0, on_quit, io);
	if (!io->in || !io->out || !io->end)
		return -1;
	for (size_t i = 0; i < N_SIGNALS; i++) {
		io->signals[i] =
			evsignal_new(io->base, signals[i], on_quit, io);
		if (!io->signals[i] || event_add(io->signals[i], NULL))
			return -1;
	}
	unblock(io);
	return 0;
}

static void drop_event(struct event *event)
{
	if (event)
		event_free(event);
}

static void fini(struct stdio *io)
{
	mcp_server_free(io->server);
	drop_event(io->in);
	drop_event(io->out);
	drop_event(io->end);
	for (size_t i = 0; i < N_SIGNALS; i++)
		drop_event(io->signals[i]);
	if (io->base)
		event_base_free(io->base);
	if (io->flags >= 0)
		(void)fcntl(1, F_SETFL, io->flags);
}

/* Whether there is something to wait for. @failed: set */
static bool goes_on(struct stdio *io, bool *failed)
{
	static const struct timeval last_words = { .tv_sec = LAST_WORDS_SEC };
	bool over = mcp_server_over(io->server, failed);

	if (io->quit)
		return false;
	if (over && evbuffer_get_length(mcp_server_output(io->server)) == 0)
		return false;
	if (!io->ending && (over || !mcp_server_is_asked(io->server))) {
		io->ending = true;
		(void)event_add(io->end, &last_words);
	}
	return true;
}

static int run(struct stdio *io, const struct mcp_options *options,
	       struct err *err)
{
	static const struct mcp_ops ops = { on_changed, on_failed };
	bool failed = false;

	if (prepare(io))
		return err_set(err, ERR_KERNEL, ENOMEM, "no memory");
	io->server = mcp_server_new(io->base, options, &ops, io, err);
	if (!io->server)
		return -1;
	on_changed(io);
	while (goes_on(io, &failed))
		if (event_base_loop(io->base, EVLOOP_ONCE) < 0)
			return err_set(err, ERR_KERNEL, errno, "poll");
	return failed ? 1 : 0;
}

/**
 * mcp_serve() - serve until the client has ended
 *
 * Return: 0; 1 where the toolbox could not be had, which was said; -1 with
 * @err.
 */
int mcp_serve(const struct mcp_options *options,
	      void (*failed)(const struct err *err, const char *hint),
	      struct err *err)
{
	struct stdio *io = calloc(1, sizeof(*io));
	int ret;

	if (!io)
		return err_set(err, ERR_KERNEL, ENOMEM, "no memory");
	io->failed = failed;
	io->flags = -1;
	ret = run(io, options, err);
	fini(io);
	free(io);
	return ret;
}
