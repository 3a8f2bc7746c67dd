// SPDX-License-Identifier: Apache-2.0
/*
 * Takes the samples of tools: calls over `creel mcp', as its clients make them.
 * Appends `series,run,usec' lines to a file; bench.py starts it and makes the
 * figures.  Holds no privilege.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SESSIONS 8
#define CALLS 200	   /* of each in a round: in a second */
#define FILE_BYTES 4096
#define LINE_BYTES (1 << 20) /* of an answer */
#define GAP_USEC 2000	   /* between reads beside a flood */
#define READS 8		   /* one after the other, in each round */

extern char **environ;

static const char read_call[] =
	"\"read\",\"arguments\":{\"path\":\"bench.txt\"}";
static const char true_call[] = "\"exec\",\"arguments\":{\"command\":\"true\"}";
static const char flood_call[] =
	"\"exec\",\"arguments\":{\"command\":\"yes | head -c 1073741824\","
	"\"yieldMs\":120000}";

struct bench {
	unsigned long warmup;
	unsigned long runs;
	FILE *csv;
};

/* One client of a session. */
struct client {
	pid_t pid;
	int in_fd;  /* its standard input */
	int out_fd;
	uint32_t id; /* of the request whose answer is awaited */
	double since;
	char *line;
	size_t len;
};

static __attribute__((noreturn, format(printf, 1, 2))) void
fail(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fputs("tools: ", stderr);
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

static void sample(struct bench *bench, const char *series, unsigned long run,
		   double usec)
{
	if (run >= bench->warmup)
		fprintf(bench->csv, "%s,%lu,%.1f\n", series,
			run - bench->warmup, usec);
}

static void send_line(struct client *client, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void send_line(struct client *client, const char *fmt, ...)
{
	char line[FILE_BYTES * 2];
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	if (len < 0 || (size_t)len >= sizeof(line) ||
	    write(client->in_fd, line, (size_t)len) != len)
		fail("creel mcp takes no request: %m");
}

/* A tools/call; its answer comes later. */
static void ask(struct client *client, const char *call)
{
	client->since = now_usec();
	send_line(client,
		  "{\"jsonrpc\":\"2.0\",\"id\":%u,\"method\":\"tools/call\","
		  "\"params\":{\"name\":%s}}\n", ++client->id, call);
}

/* Whether a whole line is the answer; an error ends the bench. */
static bool is_answer(const struct client *client, const char *line)
{
	char id[32];

	(void)snprintf(id, sizeof(id), "\"id\":%u", client->id);
	if (!strstr(line, id))
		return false;
	if (strstr(line, "\"error\":{") || strstr(line, "\"isError\":true"))
		fail("a call failed: %.500s", line);
	return true;
}

/* Reads what there is; true: the answer has come. */
static bool take(struct client *client)
{
	ssize_t got = read(client->out_fd, client->line + client->len,
			   LINE_BYTES - 1 - client->len);
	bool answered = false;
	char *end;

	if (got <= 0)
		fail("creel mcp has ended");
	client->len += (size_t)got;
	client->line[client->len] = '\0';
	while ((end = strchr(client->line, '\n'))) {
		*end = '\0';
		answered = is_answer(client, client->line) || answered;
		client->len -= (size_t)(end + 1 - client->line);
		memmove(client->line, end + 1, client->len + 1);
	}
	if (client->len == LINE_BYTES - 1)
		fail("an answer of more than %d bytes", LINE_BYTES);
	return answered;
}

/* Microseconds from the request to its answer. */
static double await(struct client *client)
{
	while (!take(client))
		continue;
	return now_usec() - client->since;
}

static double call(struct client *client, const char *name_and_args)
{
	ask(client, name_and_args);
	return await(client);
}

static void client_spawn(struct client *client, const char *creel,
			 const char *key)
{
	const char *argv[] = { creel, "mcp", "--session", key, NULL };
	posix_spawn_file_actions_t actions;
	int in[2], out[2], sys;

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		fail("pipe: %m");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
	sys = posix_spawn(&client->pid, creel, &actions, NULL,
			  (char *const *)argv, environ);
	if (sys)
		fail("%s: %s", creel, strerror(sys));
	posix_spawn_file_actions_destroy(&actions);
	close(in[0]);
	close(out[1]);
	client->in_fd = in[1];
	client->out_fd = out[0];
}

/* Says hello, and leaves a file of FILE_BYTES in the workspace. */
static void client_open(struct client *client, const char *creel,
			const char *key)
{
	char content[FILE_BYTES + FILE_BYTES / 32 + 1] = "";
	size_t len = 0;

	*client = (struct client){ .id = 1, .line = malloc(LINE_BYTES) };
	if (!client->line)
		fail("no memory");
	client_spawn(client, creel, key);
	send_line(client,
		  "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\","
		  "\"params\":{\"protocolVersion\":\"2025-11-25\","
		  "\"capabilities\":{},\"clientInfo\":{\"name\":\"bench\","
		  "\"version\":\"1\"}}}\n");
	(void)await(client);
	send_line(client, "{\"jsonrpc\":\"2.0\","
			  "\"method\":\"notifications/initialized\"}\n");
	/* Lines of 64 bytes; each end is two characters of JSON. */
	for (int i = 0; i < FILE_BYTES / 64; i++) {
		memset(content + len, 'a' + i % 26, 63);
		memcpy(content + len + 63, "\\n", 3);
		len += 65;
	}
	send_line(client,
		  "{\"jsonrpc\":\"2.0\",\"id\":%u,\"method\":\"tools/call\","
		  "\"params\":{\"name\":\"write\",\"arguments\":{\"path\":"
		  "\"bench.txt\",\"content\":\"%s\"}}}\n", ++client->id,
		  content);
	(void)await(client);
}

static void client_close(struct client *client)
{
	close(client->in_fd);
	(void)waitpid(client->pid, NULL, 0);
	close(client->out_fd);
	free(client->line);
}

/* The same command, started here. */
static double spawn_login(posix_spawn_file_actions_t *actions)
{
	static const char *const argv[] = { "sh", "-lc", "true", NULL };
	double start = now_usec();
	int status = 0;
	pid_t pid;

	if (posix_spawnp(&pid, argv[0], actions, NULL, (char *const *)argv,
			 environ) ||
	    waitpid(pid, &status, 0) != pid || status)
		fail("sh -lc true: %d", status);
	return now_usec() - start;
}

/*
 * calls WARMUP RUNS CSV CREEL KEY: over one connection, some of each in each
 * round.
 */
static int do_calls(struct bench *bench, char **argv)
{
	posix_spawn_file_actions_t actions;
	struct client client;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY,
					 0);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY,
					 0);
	client_open(&client, argv[0], argv[1]);
	for (unsigned long run = 0; run < bench->warmup + bench->runs; run++) {
		/* The first one finds processors that others have used. */
		sample(bench, "mcp-read-first", run, call(&client, read_call));
		for (int i = 0; i < READS; i++)
			sample(bench, "mcp-read", run,
			       call(&client, read_call));
		sample(bench, "mcp-exec", run, call(&client, true_call));
		sample(bench, "spawn-login", run, spawn_login(&actions));
	}
	client_close(&client);
	posix_spawn_file_actions_destroy(&actions);
	return 0;
}

/* One after the other in each session, all sessions at once. */
static void round_of_reads(struct client *clients, struct bench *bench,
			   unsigned long run)
{
	struct pollfd fds[SESSIONS];
	int done[SESSIONS] = { 0 };
	int left = SESSIONS;

	for (int i = 0; i < SESSIONS; i++) {
		fds[i] = (struct pollfd){ .fd = clients[i].out_fd,
					  .events = POLLIN };
		ask(&clients[i], read_call);
	}
	while (left > 0) {
		if (poll(fds, SESSIONS, 10000) <= 0)
			fail("no answer within 10 s");
		for (int i = 0; i < SESSIONS; i++) {
			if (!fds[i].revents || !take(&clients[i]))
				continue;
			sample(bench, "mcp-many-read", run,
			       now_usec() - clients[i].since);
			if (++done[i] < CALLS)
				ask(&clients[i], read_call);
			else
				left--;
		}
	}
}

/*
 * sessions WARMUP RUNS CSV CREEL KEY: a client of each of 8 sessions, 200 calls
 * of each in a round.
 */
static int do_sessions(struct bench *bench, char **argv)
{
	struct client clients[SESSIONS];
	char key[128];

	for (int i = 0; i < SESSIONS; i++) {
		(void)snprintf(key, sizeof(key), "%s-%d", argv[1], i);
		client_open(&clients[i], argv[0], key);
	}
	for (unsigned long run = 0; run < bench->warmup + bench->runs; run++) {
		double start = now_usec();

		round_of_reads(clients, bench, run);
		sample(bench, "mcp-many", run, now_usec() - start);
	}
	for (int i = 0; i < SESSIONS; i++)
		client_close(&clients[i]);
	return 0;
}

static unsigned long status_kib(const char *pid, const char *key)
{
	char path[64], line[256];
	unsigned long kib = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%s/status", pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, key, strlen(key)))
			kib = strtoul(line + strlen(key), NULL, 10);
	if (!file)
		fail("%s: %m", path);
	fclose(file);
	return kib;
}

/* The peak begins anew, where the kernel lets us. */
static bool reset_peak(const char *pid)
{
	char path[64];
	bool done;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%s/clear_refs", pid);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	done = fd >= 0 && write(fd, "5", 1) == 1;
	if (fd >= 0)
		close(fd);
	return done;
}

/* Reads of one session until the other's answer is there. */
static unsigned long read_beside(struct client *flood, struct client *reader,
				 struct bench *bench, const char *pid)
{
	const struct timespec gap = { .tv_nsec = GAP_USEC * 1000 };
	struct pollfd fd = { .fd = flood->out_fd, .events = POLLIN };
	unsigned long most = 0, n = 0;

	for (;;) {
		unsigned long kib = status_kib(pid, "VmRSS:");

		most = kib > most ? kib : most;
		sample(bench, "mcp-flood-read", bench->warmup + n++,
		       call(reader, read_call));
		nanosleep(&gap, NULL);
		if (poll(&fd, 1, 0) > 0 && take(flood))
			return most;
	}
}

/*
 * flood WARMUP RUNS CSV CREEL KEY PID: 1 GiB of output in one session, reads in
 * another; how much creeld grows, in bytes instead of microseconds.
 */
static int do_flood(struct bench *bench, char **argv)
{
	struct client flood, reader;
	unsigned long before, most;
	char key[128];

	(void)snprintf(key, sizeof(key), "%s-flood", argv[1]);
	client_open(&flood, argv[0], key);
	client_open(&reader, argv[0], argv[1]);
	for (unsigned long run = 0; run < bench->warmup + bench->runs; run++) {
		bool reset = reset_peak(argv[2]);

		before = status_kib(argv[2], "VmRSS:");
		ask(&flood, flood_call);
		most = read_beside(&flood, &reader, bench, argv[2]);
		sample(bench, "mcp-flood", run, now_usec() - flood.since);
		if (reset)
			most = status_kib(argv[2], "VmHWM:");
		sample(bench, "mcp-flood-growth", run,
		       most > before ? (double)(most - before) * 1024 : 0);
	}
	client_close(&flood);
	client_close(&reader);
	return 0;
}

static const struct {
	const char *name;
	int n_args; /* beyond WARMUP RUNS CSV */
	int (*run)(struct bench *bench, char **argv);
} modes[] = {
	{ "calls", 2, do_calls },
	{ "sessions", 2, do_sessions },
	{ "flood", 3, do_flood },
};

int main(int argc, char **argv)
{
	struct bench bench;
	int status = 2;

	(void)signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (argc < 5 || strcmp(argv[1], modes[i].name) != 0 ||
		    argc - 5 < modes[i].n_args)
			continue;
		bench.warmup = strtoul(argv[2], NULL, 10);
		bench.runs = strtoul(argv[3], NULL, 10);
		bench.csv = fopen(argv[4], "ae");
		if (!bench.csv)
			fail("%s: %m", argv[4]);
		status = modes[i].run(&bench, argv + 5);
		if (fclose(bench.csv) != 0)
			fail("%s: %m", argv[4]);
		return status;
	}
	fputs("usage: tools MODE WARMUP RUNS CSV ...; see bench.py\n", stderr);
	return status;
}
