// SPDX-License-Identifier: Apache-2.0
/*
 * Tools outside of any sandbox: the client's side.  A process for each call,
 * heard through a pipe; it goes when its client goes, and what it runs with it.
 */
#include <config.h>

#include "controller/cli/tool-host-own.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proto/cleanup.h"

#define STEP_BYTES (256U << 10)
#define BUFFER_MAX_BYTES (TOOL_RESULT_MAX_BYTES + (1U << 20))
#define CHILD_FD 3
#define KILL_SECONDS 3 /* for a write that is half done */
#define PAUSE_NSEC 500000L

struct tool_host {
	pid_t pid;
	int fd;               /* owned */
	struct event *event;  /* owned; of fd */
	struct event *timer;  /* owned; ends what does not end */
	char *name;           /* owned; of the tool */
	char *bytes;          /* owned; what has come */
	size_t len, room;
	char *json;           /* owned; the result */
	size_t json_len;
	struct host_head head; /* of it */
	bool cancelled, broken;
	struct timespec started;
	tool_host_done_fn *done;
	tool_host_progress_fn *progress;
	void *arg;
};

static uint64_t elapsed_usec(const struct tool_host *host)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)(now.tv_sec - host->started.tv_sec) * 1000000 +
	       (uint64_t)(now.tv_nsec / 1000) -
	       (uint64_t)(host->started.tv_nsec / 1000);
}

/* It has ended, or ends now: what is written is whole. */
static int reap(struct tool_host *host)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NSEC };
	int status = 0;
	pid_t pid = 0;

	for (long i = 0; host->pid > 0 && pid == 0; i++) {
		if (i >= KILL_SECONDS * (1000000000L / PAUSE_NSEC))
			(void)kill(host->pid, SIGKILL);
		pid = waitpid(host->pid, &status, WNOHANG);
		if (pid == 0)
			(void)nanosleep(&pause, NULL);
	}
	host->pid = -1;
	return status;
}

static const char *error_code(const struct tool_host *host)
{
	return host->cancelled ? "cancelled" : "internal";
}

/* There is no result: the process was killed, or died. */
static void finish_without(struct tool_host *host, int status)
{
	struct err err = ERR_INIT;
	auto_free char *json = NULL;
	size_t len = 0;

	if (host->cancelled)
		err_set(&err, ERR_BAD_STATE, ECANCELED, "%.60s", host->name);
	else if (WIFSIGNALED(status))
		err_set(&err, ERR_INTERNAL, 0,
			"%.60s: its process was killed by signal %d",
			host->name, WTERMSIG(status));
	else
		err_set(&err, ERR_INTERNAL, 0,
			"%.60s: its process ended without a result",
			host->name);
	json = tool_error_json(error_code(host), err.text, false, &len);
	host->done(host->arg,
		   &(struct tool_host_end){
			   .json = json,
			   .len = json ? len : 0,
			   .error = true,
			   .status = 1,
			   .wall_usec = elapsed_usec(host),
		   },
		   &err);
}

static void finish(struct tool_host *host)
{
	const struct err none = ERR_INIT;
	int status;

	(void)event_del(host->event);
	(void)event_del(host->timer);
	status = reap(host);
	if (!host->json) {
		finish_without(host, status);
		return;
	}
	host->done(host->arg,
		   &(struct tool_host_end){
			   .json = host->json,
			   .len = host->json_len,
			   .error = host->head.error,
			   .status = host->head.status,
			   .wall_usec = elapsed_usec(host),
		   },
		   &none);
}

/* One message; false: it is not whole yet. */
static bool take_message(struct tool_host *host, size_t *used)
{
	const char *at = host->bytes + *used;
	size_t left = host->len - *used;
	auto_free char *text = NULL;
	struct host_head head;

	if (left < sizeof(head))
		return false;
	memcpy(&head, at, sizeof(head));
	host->broken = host->broken || head.len > TOOL_RESULT_MAX_BYTES;
	if (host->broken || left - sizeof(head) < head.len)
		return false;
	*used += sizeof(head) + head.len;
	text = strndup(at + sizeof(head), head.len);
	if (!text)
		return true;
	if (head.result) {
		ptr_free(&host->json);
		host->json = ptr_take(&text);
		host->json_len = head.len;
		host->head = head;
	} else if (host->progress && !host->cancelled) {
		host->progress(host->arg, elapsed_usec(host) / 1000,
			       head.output_bytes, text);
	}
	return true;
}

static void take_messages(struct tool_host *host)
{
	size_t used = 0;

	while (take_message(host, &used))
		continue;
	memmove(host->bytes, host->bytes + used, host->len - used);
	host->len -= used;
	/* It says what nothing of ours says. */
	if (host->broken)
		(void)kill(host->pid, SIGKILL);
}

static bool make_room(struct tool_host *host)
{
	size_t room = host->room ? host->room * 2 : STEP_BYTES;
	char *more;

	if (host->room - host->len >= STEP_BYTES / 2)
		return true;
	more = room > 2 * BUFFER_MAX_BYTES ? NULL : realloc(host->bytes, room);
	if (!more)
		return false;
	host->bytes = more;
	host->room = room;
	return true;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct tool_host *host = arg;
	ssize_t got = -1;

	(void)what;
	if (!host->broken && make_room(host))
		got = read(fd, host->bytes + host->len,
			   host->room - host->len);
	else
		(void)kill(host->pid, SIGKILL);
	if (got > 0) {
		host->len += (size_t)got;
		take_messages(host);
		return;
	}
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	finish(host);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct tool_host *host = arg;

	(void)fd;
	(void)what;
	if (host->pid > 0)
		(void)kill(host->pid, SIGKILL);
}

/*
 * Nothing of the client's is open in it but where it complains: its input may
 * be a protocol's, as its output. A terminal's signals are for the client.
 */
static _Noreturn void become(const struct tool_host_request *request, int fd,
			     pid_t client)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		(void)signal(i, i == SIGPIPE ? SIG_IGN : SIG_DFL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != client ||
	    null_fd < 0 || setpgid(0, 0) < 0)
		_exit(1);
	/* Low numbers are free where the client was started without streams. */
	fd = fcntl(fd, F_DUPFD_CLOEXEC, CHILD_FD + 1);
	if (fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 ||
	    dup2(null_fd, STDOUT_FILENO) < 0 ||
	    (fcntl(STDERR_FILENO, F_GETFD) < 0 &&
	     dup2(null_fd, STDERR_FILENO) < 0) ||
	    dup3(fd, CHILD_FD, O_CLOEXEC) < 0 ||
	    close_range(CHILD_FD + 1, ~0U, 0) < 0)
		_exit(1);
	host_call_run(request, CHILD_FD);
}

static int start(struct tool_host *host, struct event_base *base,
		 const struct tool_host_request *request, struct err *err)
{
	pid_t client = getpid();
	int ends[2];

	host->name = strdup(request->name);
	if (!host->name || pipe2(ends, O_CLOEXEC) < 0)
		return err_set(err, ERR_KERNEL, errno, "%.60s", request->name);
	host->fd = ends[0];
	(void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
	host->event = event_new(base, host->fd, EV_READ | EV_PERSIST,
				on_readable, host);
	host->timer = evtimer_new(base, on_timer, host);
	if (host->event && host->timer && event_add(host->event, NULL) == 0)
		host->pid = fork();
	if (host->pid == 0)
		become(request, ends[1], client);
	(void)close(ends[1]);
	if (host->pid < 0)
		return err_set(err, ERR_KERNEL, errno, "%.60s", request->name);
	return 0;
}

/**
 * tool_host_start() - run a tool here
 * @done: called once, from the loop
 *
 * Return: owned, tool_host_free(); NULL with @err.
 */
struct tool_host *tool_host_start(struct event_base *base,
				  const struct tool_host_request *request,
				  tool_host_done_fn *done,
				  tool_host_progress_fn *progress, void *arg,
				  struct err *err)
{
	struct tool_host *host = calloc(1, sizeof(*host));

	if (!host) {
		err_set(err, ERR_KERNEL, ENOMEM, "%.60s", request->name);
		return NULL;
	}
	host->pid = host->fd = -1;
	host->done = done;
	host->progress = progress;
	host->arg = arg;
	(void)clock_gettime(CLOCK_MONOTONIC, &host->started);
	if (start(host, base, request, err) == 0)
		return host;
	tool_host_free(host);
	return NULL;
}

/**
 * tool_host_cancel() - end it; done follows
 */
void tool_host_cancel(struct tool_host *host)
{
	const struct timeval patience = { .tv_sec = KILL_SECONDS };

	if (host->cancelled || host->pid <= 0)
		return;
	host->cancelled = true;
	(void)kill(host->pid, SIGTERM);
	(void)event_add(host->timer, &patience);
}

/**
 * tool_host_free() - end it without a word; NULL is fine
 */
void tool_host_free(struct tool_host *host)
{
	if (!host)
		return;
	if (host->pid > 0) {
		(void)kill(host->pid, SIGTERM);
		(void)reap(host);
	}
	if (host->event)
		event_free(host->event);
	if (host->timer)
		event_free(host->timer);
	fd_close(&host->fd);
	free(host->name);
	free(host->bytes);
	free(host->json);
	free(host);
}
