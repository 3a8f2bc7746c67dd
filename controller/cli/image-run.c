// SPDX-License-Identifier: Apache-2.0
/*
 * Runs creel-unpack in a sandbox, as `creel run' would, in a child of its own:
 * the archive goes in through a pipe and is hashed on the way; lines come back,
 * and are not believed further than this import.
 */
#include <config.h>

#include "controller/cli/image.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nettle/sha2.h>

#include "controller/cli/paths.h"
#include "controller/cli/report.h"
#include "controller/cli/session.h"
#include "proto/cleanup.h"
#include "proto/exit-codes.h"

#define CHUNK_BYTES 65536
#define LINE_BYTES 1024
#define END_MS 10000
#define TARGET "/opt/creel-unpack"
#define ARGS_MAX 40

/* Text from the sandbox, line by line. */
struct lines {
	int fd; /* owned */
	char text[LINE_BYTES];
	size_t len;
};

struct pump {
	struct unpacking *unpacking;
	struct lines report, errors;
	int out_fd; /* owned; what the sandbox reads */
	int signal_fd; /* owned */
	uint8_t chunk[CHUNK_BYTES];
	size_t from, to;
	struct sha256_ctx sha256;
	pid_t child;
	bool done, told, cut, failed;
	char hint[LINE_BYTES];
};

static void add(char **argv, size_t *n, const char *word)
{
	if (*n < ARGS_MAX - 1)
		argv[(*n)++] = (char *)word;
}

static void add_option(char **argv, size_t *n, const char *name,
		       const char *value)
{
	add(argv, n, name);
	add(argv, n, value);
}

static char *bind_text(const char *source, const char *target)
{
	char *text = NULL;

	if (asprintf(&text, "%s:%s", source, target) < 0)
		return NULL;
	return text;
}

/* The sandbox has nothing of the host to write to but the one directory. */
static int fill_argv(const struct unpacking *unpacking, char **argv,
		     struct err *err)
{
	static const char *const fixed[][2] = {
		{ "--network", "none" },   { "--seccomp", "strict" },
		{ "--ulimit", "core=0" },  { "--ulimit", "nofile=64" },
		{ "--ulimit", "nproc=16" }, { "--workdir", "/" },
		{ "--memory", "256m" },	   { "--pids", "24" },
		{ "--protect", "!*" },
	};
	auto_free char *program = malloc(CLI_PATH_MAX);
	size_t n = 0;

	if (!program)
		return err_set(err, ERR_KERNEL, ENOMEM, "creel-unpack");
	if (cli_path_program("creel-unpack", "creel-unpack", program, err))
		return -1;
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		add_option(argv, &n, fixed[i][0], fixed[i][1]);
	/* Of these two, what the machine can enforce. */
	add(argv, &n, "--best-effort");
	if (unpacking->args->has[CLI_OPT_SYSTEM])
		add(argv, &n, "--system");
	if (unpacking->args->has[CLI_OPT_ROOTLESS])
		add(argv, &n, "--rootless");
	add_option(argv, &n, "--bind", bind_text(program, TARGET ":ro"));
	add_option(argv, &n, "--bind", bind_text(unpacking->rootfs, "/image"));
	if (unpacking->source)
		add_option(argv, &n, "--bind",
			   bind_text(unpacking->source, "/source:ro"));
	add_option(argv, &n, "--", TARGET);
	if (unpacking->source)
		add_option(argv, &n, "--directory", "/source");
	add(argv, &n, "/image");
	for (size_t i = 0; i < n; i++)
		if (!argv[i])
			return err_set(err, ERR_KERNEL, ENOMEM, "image");
	return 0;
}

/* In the child; never returns. */
static void run_sandbox(struct unpacking *unpacking)
{
	const struct cli_verb *verb = cli_verb_find("run");
	char *argv[ARGS_MAX] = { NULL };
	struct cli_args args = { .given = NULL };
	struct err err = ERR_INIT;

	if (fill_argv(unpacking, argv, &err) ||
	    cli_args_parse(verb, argv, &args, &err)) {
		cli_error("%s", err.text);
		exit(CREEL_EXIT_FAILED);
	}
	exit(cli_session_main(&args));
}

static void become_child(struct pump *pump, int in_fd, int report_fd,
			 int error_fd)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigset_t none;

	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	in_fd = fcntl(in_fd >= 0 ? in_fd : null_fd, F_DUPFD, 16);
	report_fd = fcntl(report_fd, F_DUPFD, 16);
	error_fd = fcntl(error_fd, F_DUPFD, 16);
	if (dup2(in_fd, 0) != 0 || dup2(report_fd, 1) != 1 ||
	    dup2(error_fd, 2) != 2)
		_exit(CREEL_EXIT_FAILED);
	(void)close_range(3, ~0u, 0);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	run_sandbox(pump->unpacking);
}

static int start(struct pump *pump, struct err *err)
{
	int in[2] = { -1, -1 };
	int report[2], errors[2];
	sigset_t set;

	sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	pump->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (pump->signal_fd < 0 || pipe2(report, O_CLOEXEC))
		return err_set(err, ERR_KERNEL, errno, "pipe");
	pump->report.fd = report[0];
	if (pipe2(errors, O_CLOEXEC))
		return err_set(err, ERR_KERNEL, errno, "pipe");
	pump->errors.fd = errors[0];
	if (pump->unpacking->in_fd >= 0 && pipe2(in, O_CLOEXEC))
		return err_set(err, ERR_KERNEL, errno, "pipe");
	pump->out_fd = in[1];
	(void)fflush(NULL);
	pump->child = fork();
	if (pump->child == 0)
		become_child(pump, in[0], report[1], errors[1]);
	close(report[1]);
	close(errors[1]);
	fd_close(&in[0]);
	if (pump->child < 0)
		return err_set(err, ERR_KERNEL, errno, "fork");
	(void)fcntl(pump->report.fd, F_SETFL, O_NONBLOCK);
	(void)fcntl(pump->errors.fd, F_SETFL, O_NONBLOCK);
	if (pump->out_fd >= 0)
		(void)fcntl(pump->out_fd, F_SETFL, O_NONBLOCK);
	return 0;
}

static void clear_progress(const struct pump *pump)
{
	if (pump->unpacking->show)
		(void)fputs("\r\033[K", stderr);
}

static void show_progress(const struct pump *pump, const char *text)
{
	uint64_t entries, bytes;

	if (!pump->unpacking->show ||
	    sscanf(text, "%" SCNu64 " %" SCNu64, &entries, &bytes) != 2)
		return;
	clear_progress(pump);
	fprintf(stderr, "importing %s: %" PRIu64 " entries, %" PRIu64 " MiB",
		pump->unpacking->name, entries, bytes >> 20);
	(void)fflush(stderr);
}

static void take_report(struct pump *pump, const char *line)
{
	struct img_manifest *manifest = pump->unpacking->manifest;

	if (!strncmp(line, "p ", 2)) {
		show_progress(pump, line + 2);
	} else if (!strncmp(line, "d ", 2)) {
		pump->done = sscanf(line + 2,
				    "%" SCNu64 " %" SCNu64 " %" SCNu64
				    " %" SCNu64 " %" SCNu64,
				    &manifest->entries, &manifest->bytes,
				    &manifest->devices, &manifest->stripped,
				    &pump->unpacking->policy) == 5;
	} else if (!strncmp(line, "e ", 2) && !pump->told) {
		clear_progress(pump);
		cli_error("image %s: %s", pump->unpacking->name, line + 2);
		pump->told = true;
	} else if (!strncmp(line, "h ", 2)) {
		(void)snprintf(pump->hint, sizeof(pump->hint), "%s", line + 2);
	}
}

/* What `creel run' and tar(1) have to say. */
static void take_error(struct pump *pump, const char *line)
{
	clear_progress(pump);
	/* Of limits; the unpacker has its own, too. */
	if (!strncmp(line, "creel: warning: ", 16))
		return;
	if (!strncmp(line, "hint: ", 6)) {
		cli_hint("%s", line + 6);
		return;
	}
	pump->failed = true;
	if (!strncmp(line, "creel: ", 7))
		line += 7;
	cli_error("image %s: %s", pump->unpacking->name, line);
}

typedef void take_fn(struct pump *pump, const char *line);

/* Return: false at the end. A line that is too long is cut. */
static bool read_lines(struct pump *pump, struct lines *lines, take_fn *take)
{
	char buf[4096];
	ssize_t got = read(lines->fd, buf, sizeof(buf));

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	for (ssize_t i = 0; i < got; i++) {
		if (buf[i] != '\n') {
			if (lines->len < sizeof(lines->text) - 1 && buf[i])
				lines->text[lines->len++] = buf[i];
			continue;
		}
		lines->text[lines->len] = '\0';
		lines->len = 0;
		take(pump, lines->text);
	}
	if (got <= 0)
		fd_close(&lines->fd);
	return got > 0;
}

static void read_archive(struct pump *pump)
{
	struct unpacking *unpacking = pump->unpacking;
	ssize_t got = read(unpacking->in_fd, pump->chunk, sizeof(pump->chunk));

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got < 0) {
		clear_progress(pump);
		cli_error("image %s: %s: %s", unpacking->name,
			  unpacking->manifest->source, strerrordesc_np(errno));
		pump->told = true;
	}
	if (got <= 0) {
		/* Cut off, it is no archive; what has been read is not used. */
		fd_close(&unpacking->in_fd);
		fd_close(&pump->out_fd);
		pump->cut = pump->cut || got < 0;
		return;
	}
	sha256_update(&pump->sha256, (size_t)got, pump->chunk);
	pump->from = 0;
	pump->to = (size_t)got;
}

static void write_archive(struct pump *pump)
{
	ssize_t put = write(pump->out_fd, pump->chunk + pump->from,
			    pump->to - pump->from);

	if (put > 0)
		pump->from += (size_t)put;
	if (put >= 0 || errno == EAGAIN || errno == EINTR)
		return;
	/* The other side has seen enough of it. */
	pump->cut = true;
	fd_close(&pump->out_fd);
	fd_close(&pump->unpacking->in_fd);
}

static void take_signal(struct pump *pump)
{
	struct signalfd_siginfo info;

	if (read(pump->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	pump->unpacking->signal = (int)info.ssi_signo;
	pump->told = true;
	fd_close(&pump->out_fd);
	fd_close(&pump->unpacking->in_fd);
	(void)kill(pump->child, SIGTERM);
}

static void run_pump(struct pump *pump)
{
	while (pump->report.fd >= 0 || pump->errors.fd >= 0) {
		bool full = pump->from < pump->to;
		struct pollfd fds[] = {
			{ pump->report.fd, POLLIN, 0 },
			{ pump->errors.fd, POLLIN, 0 },
			{ pump->signal_fd, POLLIN, 0 },
			{ full ? -1 : pump->unpacking->in_fd, POLLIN, 0 },
			{ full ? pump->out_fd : -1, POLLOUT, 0 },
		};
		int wait_ms = pump->unpacking->signal ? END_MS : -1;
		int ready = poll(fds, 5, wait_ms);

		if (ready == 0)
			(void)kill(pump->child, SIGKILL);
		if (ready <= 0)
			continue;
		if (fds[0].revents)
			(void)read_lines(pump, &pump->report, take_report);
		if (fds[1].revents)
			(void)read_lines(pump, &pump->errors, take_error);
		if (fds[3].revents)
			read_archive(pump);
		if (fds[4].revents)
			write_archive(pump);
		if (fds[2].revents)
			take_signal(pump);
	}
}

static int finish(struct pump *pump, int status)
{
	struct unpacking *unpacking = pump->unpacking;
	uint8_t digest[SHA256_DIGEST_SIZE];
	char *to = unpacking->manifest->digest;

	clear_progress(pump);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != CREEL_EXIT_OK ||
	    !pump->done || pump->cut) {
		if (!pump->told && !pump->failed)
			cli_error("image %s: %s", unpacking->name,
				  pump->cut ? "archive: there is more after its end" :
					      "creel-unpack: ended early");
		if (pump->hint[0])
			cli_hint("%s", pump->hint);
		return -1;
	}
	to[0] = '\0';
	if (unpacking->source)
		return 0;
	sha256_digest(&pump->sha256, sizeof(digest), digest);
	to += snprintf(to, IMG_DIGEST_BYTES, "sha256:");
	for (size_t i = 0; i < sizeof(digest); i++)
		to += snprintf(to, 3, "%02x", digest[i]);
	return 0;
}

/**
 * cli_unpack() - fill a directory from an archive or from another directory
 * @unpacking: its numbers are filled
 *
 * Return: 0, or -1 with a message printed.
 */
int cli_unpack(struct unpacking *unpacking)
{
	static struct pump pump;
	struct err err = ERR_INIT;
	int status = 0;

	pump.unpacking = unpacking;
	pump.report.fd = pump.errors.fd = pump.out_fd = pump.signal_fd = -1;
	sha256_init(&pump.sha256);
	if (start(&pump, &err)) {
		cli_error("image %s: %s", unpacking->name, err.text);
		return -1;
	}
	run_pump(&pump);
	while (waitpid(pump.child, &status, 0) < 0 && errno == EINTR)
		;
	fd_close(&pump.out_fd);
	/* One that came just now must not leave the import behind. */
	take_signal(&pump);
	fd_close(&pump.signal_fd);
	if (unpacking->signal) {
		clear_progress(&pump);
		return -1;
	}
	return finish(&pump, status);
}
