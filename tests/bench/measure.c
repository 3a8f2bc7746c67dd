// SPDX-License-Identifier: Apache-2.0
/*
 * Takes the bench's samples: the time of whole processes, and that of requests
 * over one open control connection.  Appends `series,run,usec` lines to a file;
 * bench.py starts it and makes the figures.  Holds no privilege.
 */
#include <config.h>

#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdint.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

#include "proto/cleanup.h"
#include "proto/control.pb-c.h"
#include "proto/err.h"
#include "proto/wire.h"

#define MAX_SERIES 8

extern char **environ;

/* What every mode is told on its command line. */
struct bench {
	unsigned long warmup;
	unsigned long runs;
	FILE *csv;
};

/* An open control connection and the descriptors that requests carry. */
struct session {
	int sock;
	int null_fd;
	int lifeline_fd; /* read end */
	int workspace_fd;
	const char *command;
	uint32_t seq;
	unsigned char *buf; /* WIRE_FRAME_MAX_BYTES */
	unsigned char *memory; /* WIRE_ARENA_BYTES */
};

/* What came of a request; the times are since it was sent. */
struct outcome {
	double started_usec;
	double exited_usec;
	uint32_t status;
};

static __attribute__((noreturn, format(printf, 1, 2))) void
fail(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fputs("measure: ", stderr);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static double now_usec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static unsigned long number(const char *text)
{
	char *end = NULL;
	unsigned long value = strtoul(text, &end, 10);

	if (end == text || *end != '\0')
		fail("%s is no number", text);
	return value;
}

/* WARMUP RUNS CSV, the first three arguments of every mode. */
static void bench_init(struct bench *bench, char **argv)
{
	bench->warmup = number(argv[0]);
	bench->runs = number(argv[1]);
	bench->csv = fopen(argv[2], "ae");
	if (!bench->csv)
		fail("%s: %m", argv[2]);
}

static void bench_sample(struct bench *bench, const char *series,
			 unsigned long run, double usec)
{
	if (run >= bench->warmup)
		fprintf(bench->csv, "%s,%lu,%.1f\n", series,
			run - bench->warmup, usec);
}

static double time_process(char **argv, posix_spawn_file_actions_t *actions)
{
	double start = now_usec();
	pid_t pid;
	int status;
	int sys = posix_spawn(&pid, argv[0], actions, NULL, argv, environ);

	if (sys != 0)
		fail("%s: %s", argv[0], strerror(sys));
	if (waitpid(pid, &status, 0) != pid)
		fail("waitpid: %m");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail("%s %s: wait status %#x", argv[0],
		     argv[1] ? argv[1] : "", (unsigned int)status);
	return now_usec() - start;
}

static void actions_init(posix_spawn_file_actions_t *actions)
{
	posix_spawn_file_actions_init(actions);
	posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(actions, 1, "/dev/null", O_WRONLY, 0);
}

/*
 * What a sample leaves for the kernel to clean up, network namespaces above
 * all, and for a pool to be refilled, is over before the next one starts.
 */
static void settle(void)
{
	const struct timespec gap = { .tv_nsec = 10 * 1000 * 1000 };

	nanosleep(&gap, NULL);
}

/* Another order each round, the same in each bench: nobody always follows the
 * one that leaves most behind. */
static void shuffle(size_t *order, size_t n)
{
	static uint32_t seed = 1;

	for (size_t i = 0; i < n; i++)
		order[i] = i;
	for (size_t i = n; i > 1; i--) {
		size_t other, last = order[i - 1];

		seed = seed * 1664525 + 1013904223;
		other = (seed >> 16) % i;
		order[i - 1] = order[other];
		order[other] = last;
	}
}

/* A command that is timed. */
struct series {
	char *name;
	char **argv;
	int ns_fd; /* mount namespace that it runs in, -1 this one */
};

/* NAME, or NAME@FILE where FILE is a mount namespace. */
static void series_init(struct series *series, char **argv)
{
	char *at = strchr(argv[0], '@');

	*series = (struct series){ argv[0], argv + 1, -1 };
	if (!at)
		return;
	*at = '\0';
	series->ns_fd = open(at + 1, O_RDONLY | O_CLOEXEC);
	if (series->ns_fd < 0)
		fail("%s: %m", at + 1);
}

static void enter(int ns_fd)
{
	if (setns(ns_fd, CLONE_NEWNS) != 0)
		fail("setns: %m");
}

static double time_series(const struct series *series, int home_fd,
			  posix_spawn_file_actions_t *actions)
{
	double usec;

	settle();
	if (series->ns_fd < 0)
		return time_process(series->argv, actions);
	enter(series->ns_fd);
	usec = time_process(series->argv, actions);
	enter(home_fd);
	return usec;
}

/*
 * spawn WARMUP RUNS CSV ++ SERIES ARG... ++ SERIES ARG...: whole processes, one
 * of each series in each round.
 */
static int do_spawn(struct bench *bench, char **argv)
{
	struct series series[MAX_SERIES];
	size_t order[MAX_SERIES], n = 0;
	int home_fd = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	posix_spawn_file_actions_t actions;

	actions_init(&actions);
	for (; *argv; argv++) {
		if (strcmp(*argv, "++") != 0)
			continue;
		if (n == MAX_SERIES || !argv[1] || !argv[2])
			fail("series: at most %d, a name and a command each",
			     MAX_SERIES);
		*argv = NULL;
		series_init(&series[n++], argv + 1);
		argv += 2;
	}
	for (unsigned long run = 0; run < bench->warmup + bench->runs; run++) {
		shuffle(order, n);
		for (size_t i = 0; i < n; i++)
			bench_sample(bench, series[order[i]].name, run,
				     time_series(&series[order[i]], home_fd,
						 &actions));
	}
	posix_spawn_file_actions_destroy(&actions);
	return 0;
}

/* SOCKET WORKSPACE COMMAND */
static void session_init(struct session *session, char **argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int pipe_fds[2];

	if (strlen(argv[0]) >= sizeof(address.sun_path))
		fail("%s: too long for a socket", argv[0]);
	memcpy(address.sun_path, argv[0], strlen(argv[0]));
	session->sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (session->sock < 0 ||
	    connect(session->sock, (struct sockaddr *)&address,
		    sizeof(address)) != 0)
		fail("%s: %m", argv[0]);
	session->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	session->workspace_fd = open(argv[1], O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (session->null_fd < 0 || session->workspace_fd < 0)
		fail("%s: %m", argv[1]);
	if (pipe2(pipe_fds, O_CLOEXEC) != 0)
		fail("pipe: %m");
	session->lifeline_fd = pipe_fds[0];
	session->command = argv[2];
	session->seq = 0;
	session->buf = malloc(WIRE_FRAME_MAX_BYTES);
	session->memory = malloc(WIRE_ARENA_BYTES);
	if (!session->buf || !session->memory)
		fail("no memory");
}

static void session_send(struct session *session, Ctl__Request *request)
{
	struct err err = ERR_INIT;
	int fds[] = { session->null_fd, session->null_fd, session->null_fd,
		      session->lifeline_fd, session->workspace_fd };
	size_t n_fds = request->op_case == CTL__REQUEST__OP_REMOVE ? 0 : 5;

	request->seq = ++session->seq;
	if (wire_send_msg(session->sock, &request->base, WIRE_FRAME_MAX_BYTES,
			  fds, n_fds, &err) != 0)
		fail("%s", err.text);
}

/* Reads replies to the last request up to its last one. */
static void session_finish(struct session *session, double start,
			   struct outcome *outcome)
{
	struct err err = ERR_INIT;
	struct arena arena;
	auto_frame frame;

	wire_frame_init(&frame, session->buf, WIRE_FRAME_MAX_BYTES);
	arena_init(&arena, session->memory, WIRE_ARENA_BYTES);
	for (;;) {
		const Ctl__Reply *reply;

		if (wire_recv(session->sock, &frame, WIRE_MAX_FDS, &err) !=
		    WIRE_GOT)
			fail("the connection ended %s", err.text);
		arena_reset(&arena);
		reply = (const Ctl__Reply *)wire_unpack(
			&ctl__reply__descriptor, &arena, frame.buf, frame.len,
			&err);
		if (!reply)
			fail("%s", err.text);
		if (reply->seq != session->seq)
			continue;
		outcome->exited_usec = now_usec() - start;
		if (reply->re_case == CTL__REPLY__RE_ERROR)
			fail("%s", reply->error->text);
		if (reply->re_case == CTL__REPLY__RE_STARTED)
			outcome->started_usec = outcome->exited_usec;
		if (reply->re_case == CTL__REPLY__RE_EXITED)
			outcome->status = reply->exited->status;
		if (reply->re_case != CTL__REPLY__RE_STARTED)
			return;
	}
}

static void fill_command(const struct session *session, Ctl__Command *command,
			 unsigned char token[WIRE_ID_BYTES])
{
	if (getrandom(token, WIRE_ID_BYTES, 0) != WIRE_ID_BYTES)
		fail("getrandom: %m");
	command->argc = 1;
	command->strings.data = (uint8_t *)session->command;
	command->strings.len = strlen(session->command) + 1;
	command->stdin_fd = 1;
	command->stdout_fd = 2;
	command->stderr_fd = 3;
	command->lifeline_fd = 4;
	command->token.data = token;
	command->token.len = WIRE_ID_BYTES;
}

static void fill_spec(Ctl__Spec *spec, char *workspace)
{
	spec->workspace = workspace;
	spec->workspace_fd = 5;
	spec->workspace_readonly = true;
}

/* The last request was a command that has to succeed. */
static struct outcome session_await(struct session *session, double start)
{
	struct outcome outcome = { .status = 255 };

	session_finish(session, start, &outcome);
	if (outcome.status != 0)
		fail("%s: exit status %u", session->command, outcome.status);
	return outcome;
}

/* One command in a session of that configuration. */
static struct outcome session_use(struct session *session, char *key,
				  Ctl__Config *config)
{
	unsigned char token[WIRE_ID_BYTES];
	Ctl__Command command = CTL__COMMAND__INIT;
	Ctl__Exec exec = CTL__EXEC__INIT;
	Ctl__Request request = CTL__REQUEST__INIT;
	double start;

	fill_command(session, &command, token);
	exec.target = key;
	exec.config = config;
	exec.command = &command;
	request.op_case = CTL__REQUEST__OP_EXEC;
	request.exec = &exec;
	start = now_usec();
	session_send(session, &request);
	return session_await(session, start);
}

/* One command: in the sandbox @target, or, NULL, in one of its own. */
static struct outcome session_run(struct session *session, char *target)
{
	unsigned char token[WIRE_ID_BYTES];
	char workspace[] = "workspace";
	char *given[] = { workspace };
	Ctl__Spec spec = CTL__SPEC__INIT;
	Ctl__Command command = CTL__COMMAND__INIT;
	Ctl__Run run = CTL__RUN__INIT;
	Ctl__Exec exec = CTL__EXEC__INIT;
	Ctl__Request request = CTL__REQUEST__INIT;
	double start;

	fill_spec(&spec, workspace);
	fill_command(session, &command, token);
	if (target) {
		exec.target = target;
		exec.spec = &spec;
		exec.n_given = 1;
		exec.given = given;
		exec.command = &command;
		request.op_case = CTL__REQUEST__OP_EXEC;
		request.exec = &exec;
	} else {
		run.spec = &spec;
		run.command = &command;
		request.op_case = CTL__REQUEST__OP_RUN;
		request.run = &run;
	}
	start = now_usec();
	session_send(session, &request);
	return session_await(session, start);
}

/*
 * exec WARMUP RUNS CSV SOCKET WORKSPACE COMMAND TARGET HOST-COMMAND: commands
 * in a live sandbox, and the same program spawned here, in turn.
 */
static int do_exec(struct bench *bench, char **argv)
{
	struct session session;
	posix_spawn_file_actions_t actions;
	char *host_argv[] = { argv[4], NULL };

	session_init(&session, argv);
	actions_init(&actions);
	for (unsigned long run = 0; run < bench->warmup + bench->runs; run++) {
		bench_sample(bench, "connection-exec", run,
			     session_run(&session, argv[3]).exited_usec);
		bench_sample(bench, "posix_spawn", run,
			     time_process(host_argv, &actions));
	}
	posix_spawn_file_actions_destroy(&actions);
	return 0;
}

/*
 * sessions WARMUP RUNS CSV KEY HOME [SOCKET WORKSPACE COMMAND CONFIG
 * SERIES]...: commands in a session of each of some creelds, in turn.
 */
static int do_sessions(struct bench *bench, char **argv)
{
	struct session sessions[MAX_SERIES];
	Ctl__Config configs[MAX_SERIES];
	const char *names[MAX_SERIES];
	size_t order[MAX_SERIES], n = 0;

	for (char **at = argv + 2; *at && n < MAX_SERIES; at += 5, n++) {
		session_init(&sessions[n], at);
		ctl__config__init(&configs[n]);
		configs[n].path = at[3];
		configs[n].home = argv[1];
		names[n] = at[4];
	}
	for (unsigned long run = 0; run < bench->warmup + bench->runs; run++) {
		shuffle(order, n);
		for (size_t i = 0; i < n; i++)
			bench_sample(bench, names[order[i]], run,
				     session_use(&sessions[order[i]], argv[0],
						 &configs[order[i]])
					     .exited_usec);
	}
	return 0;
}

/*
 * create WARMUP RUNS CSV SOCKET WORKSPACE COMMAND SERIES: sandboxes that live
 * for one command; until it runs, and until it is over.
 */
static int do_create(struct bench *bench, char **argv)
{
	struct session session;
	char series[64];

	session_init(&session, argv);
	for (unsigned long run = 0; run < bench->warmup + bench->runs; run++) {
		struct outcome outcome;

		settle();
		outcome = session_run(&session, NULL);
		snprintf(series, sizeof(series), "%s-started", argv[3]);
		bench_sample(bench, series, run, outcome.started_usec);
		snprintf(series, sizeof(series), "%s-exited", argv[3]);
		bench_sample(bench, series, run, outcome.exited_usec);
	}
	return 0;
}

/*
 * fill FIRST COUNT CSV SOCKET WORKSPACE COMMAND: sandboxes that stay, idle,
 * named fill-N.
 */
static int do_fill(struct bench *bench, char **argv)
{
	struct session session;
	char name[32];

	session_init(&session, argv);
	for (unsigned long i = 0; i < bench->runs; i++) {
		snprintf(name, sizeof(name), "fill-%lu", bench->warmup + i);
		session_run(&session, name);
	}
	return 0;
}

/* empty FIRST COUNT CSV SOCKET WORKSPACE COMMAND: removes what fill made. */
static int do_empty(struct bench *bench, char **argv)
{
	struct session session;
	struct outcome outcome;
	char name[32];

	session_init(&session, argv);
	for (unsigned long i = 0; i < bench->runs; i++) {
		Ctl__Remove remove_ = CTL__REMOVE__INIT;
		Ctl__Request request = CTL__REQUEST__INIT;

		snprintf(name, sizeof(name), "fill-%lu", bench->warmup + i);
		remove_.target = name;
		request.op_case = CTL__REQUEST__OP_REMOVE;
		request.remove = &remove_;
		session_send(&session, &request);
		session_finish(&session, now_usec(), &outcome);
	}
	return 0;
}

static const struct {
	const char *name;
	int n_args; /* beyond WARMUP RUNS CSV */
	int (*run)(struct bench *bench, char **argv);
} modes[] = {
	{ "spawn", 3, do_spawn }, { "exec", 5, do_exec },
	{ "create", 4, do_create }, { "fill", 3, do_fill },
	{ "empty", 3, do_empty }, { "sessions", 7, do_sessions },
};

int main(int argc, char **argv)
{
	struct bench bench;
	int status = 2;

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (argc < 5 || strcmp(argv[1], modes[i].name) != 0 ||
		    argc - 5 < modes[i].n_args)
			continue;
		bench_init(&bench, argv + 2);
		status = modes[i].run(&bench, argv + 5);
		if (fclose(bench.csv) != 0)
			fail("%s: %m", argv[4]);
		return status;
	}
	fputs("usage: measure MODE WARMUP RUNS CSV ...; see bench.py\n",
	      stderr);
	return status;
}
