// SPDX-License-Identifier: Apache-2.0
/*
 * A hostile controller: drives "creel-helper --embedded" with every malformed
 * datagram there is (SB-29, SB-30), with descriptors of every kind (SB-11) and
 * from a hostile start (SB-27). A broken protocol ends the helper with status
 * 3 and leaves nothing; a wrong value is answered and the helper serves on.
 * Each group ends with a good request, the control that the probe works.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proto/cleanup.h"
#include "proto/exit-codes.h"
#include "proto/helper.pb-c.h"
#include "proto/wire.h"
#include "tests/unit/golden.h"

#define PATIENCE_MS 8000
#define GONE_STEP_MS 10
#define MAX_GOLDEN 16
#define FLOOD_FDS 253
#define ORDINARY_ID 1000

struct helper {
	pid_t pid;
	int fd;
};

static alignas(max_align_t) unsigned char memory[WIRE_ARENA_BYTES];
static struct arena arena;
static uint8_t buf[WIRE_HELPER_MAX_BYTES];
static struct wire_frame frame;
static const char *mode;
static unsigned int tests;
static unsigned int failures;
static bool hostile_start;
static uint32_t next_seq;

static void result(bool ok, const char *name)
{
	tests++;
	failures += !ok;
	printf("%s %u - %s: %s\n", ok ? "ok" : "not ok", tests, mode + 2, name);
	fflush(stdout);
}

/* What a careless or hostile parent could leave behind (SB-27). */
static void make_hostile(void)
{
	static const int limits[] = { RLIMIT_FSIZE, RLIMIT_STACK, RLIMIT_CORE };
	sigset_t all;
	char text[64];

	for (int i = 0; i < 200; i++) {
		snprintf(text, sizeof(text), "CREEL_HOSTILE_%d", i);
		setenv(text, "canary-of-the-environment", 1);
	}
	setenv("LD_PRELOAD", "/nonexistent/evil.so", 1);
	setenv("LD_LIBRARY_PATH", "/nonexistent", 1);
	setenv("GCONV_PATH", "/nonexistent", 1);
	setenv("MALLOC_CHECK_", "3", 1);
	setenv("PATH", "", 1);
	for (int i = 0; i < 900; i++)
		(void)fcntl(2, F_DUPFD, 10);
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct rlimit limit;

		getrlimit(limits[i], &limit);
		limit.rlim_cur = limits[i] == RLIMIT_STACK ? 256 * 1024 : 4096;
		setrlimit(limits[i], &limit);
	}
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	for (int sig = 1; sig < 32; sig++)
		(void)signal(sig, SIG_IGN);
	snprintf(text, sizeof(text), "/tmp/creel-gone-%d", (int)getpid());
	if (mkdir(text, 0700) == 0 && chdir(text) == 0)
		(void)rmdir(text);
	umask(0);
	close(0);
	close(1);
}

static struct helper helper_start(void)
{
	struct helper h;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		exit(99);
	h.pid = fork();
	if (h.pid == 0) {
		const char *path = getenv("CREEL_HELPER");
		int null_fd = open("/dev/null", O_WRONLY);

		/* What it logs is not this test's output. */
		dup2(null_fd, 2);
		if (pair[1] == 3)
			(void)fcntl(3, F_SETFD, 0);
		else
			dup2(pair[1], 3);
		if (geteuid() == 0 && !strcmp(mode, "--rootless") &&
		    (setresgid(ORDINARY_ID, ORDINARY_ID, ORDINARY_ID) < 0 ||
		     setresuid(ORDINARY_ID, ORDINARY_ID, ORDINARY_ID) < 0))
			_exit(99);
		if (hostile_start)
			make_hostile();
		execl(path, "creel-helper", "--embedded", "--control-fd", "3",
		      mode, NULL);
		_exit(99);
	}
	close(pair[1]);
	h.fd = pair[0];
	return h;
}

static void pause_ms(long ms)
{
	const struct timespec pause = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&pause, NULL);
}

/*
 * Waits for the helper's end; then nothing of it may be left: its orphans
 * would become this process's children.
 */
static bool helper_ended(struct helper *h, int want)
{
	int status = -1;
	int ms = 0;
	pid_t got = 0;

	for (; ms < PATIENCE_MS && got == 0; ms += GONE_STEP_MS) {
		got = waitpid(h->pid, &status, WNOHANG);
		if (got == 0)
			pause_ms(GONE_STEP_MS);
	}
	if (got == 0) {
		kill(h->pid, SIGKILL);
		waitpid(h->pid, &status, 0);
	}
	fd_close(&h->fd);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != want) {
		printf("# status %#x, wanted exit %d\n", (unsigned int)status,
		       want);
		return false;
	}
	for (; ms < PATIENCE_MS; ms += GONE_STEP_MS) {
		if (waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD)
			return true;
		pause_ms(GONE_STEP_MS);
	}
	printf("# processes are left\n");
	return false;
}

static const Hlp__Event *next_event(const struct helper *h)
{
	struct pollfd pfd = { .fd = h->fd, .events = POLLIN };
	struct err err = ERR_INIT;

	if (poll(&pfd, 1, PATIENCE_MS) <= 0 ||
	    wire_recv(h->fd, &frame, 4, &err) != WIRE_GOT)
		return NULL;
	return (const Hlp__Event *)wire_unpack(&hlp__event__descriptor, &arena,
					       buf, frame.len, &err);
}

static bool expect(const struct helper *h, Hlp__Event__EvCase want)
{
	const Hlp__Event *event = next_event(h);

	if (event && event->ev_case == want)
		return true;
	printf("# event %d, wanted %d: %s\n", event ? (int)event->ev_case : -1,
	       (int)want,
	       event && event->ev_case == HLP__EVENT__EV_FAILED ?
		       event->failed->text : "");
	return false;
}

static void send_raw(const struct helper *h, const void *data, size_t len,
		     const int *fds, size_t n_fds)
{
	union {
		char space[CMSG_SPACE(sizeof(int) * FLOOD_FDS)];
		struct cmsghdr align;
	} control = { .space = { 0 } };
	struct iovec iov = { (void *)data, len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n_fds > 0) {
		struct cmsghdr *c;

		msg.msg_control = control.space;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * n_fds);
	}
	(void)sendmsg(h->fd, &msg, MSG_NOSIGNAL);
}

static void send_msg(const struct helper *h, const Hlp__Request *req,
		     const int *fds, size_t n_fds)
{
	uint8_t out[2 * WIRE_FRAME_MAX_BYTES];
	size_t len = protobuf_c_message_get_packed_size(&req->base);

	if (len > sizeof(out))
		exit(99);
	(void)protobuf_c_message_pack(&req->base, out);
	send_raw(h, out, len, fds, n_fds);
}

#define REQUEST(WHICH, member, ...)                                       \
	(&(Hlp__Request){                                                 \
		PROTOBUF_C_MESSAGE_INIT(&hlp__request__descriptor),       \
		++next_seq,                                               \
		HLP__REQUEST__OP_##WHICH, { .member = (__VA_ARGS__) } })

static void send_new(const struct helper *h)
{
	Hlp__New msg = HLP__NEW__INIT;

	msg.uid = 1000;
	msg.gid = 1000;
	msg.net = HLP__NET__NET_NONE;
	msg.root = HLP__ROOT__ROOT_HOST;
	send_msg(h, REQUEST(NEW_, new_, &msg), NULL, 0);
}

static void send_start(const struct helper *h)
{
	Hlp__Start msg = HLP__START__INIT;

	send_msg(h, REQUEST(START, start, &msg), NULL, 0);
}

static void send_mount(const struct helper *h, const char *target,
		       const int *fds, size_t n_fds)
{
	Hlp__Mount msg = HLP__MOUNT__INIT;

	msg.target = (char *)target;
	send_msg(h, REQUEST(MOUNT, mount, &msg), fds, n_fds);
}

static bool greeted(const struct helper *h)
{
	return expect(h, HLP__EVENT__EV_HELLO) &&
	       expect(h, HLP__EVENT__EV_SYNCED);
}

/* Builds, starts and kills a sandbox, then says farewell. */
static bool good_sequence(struct helper *h)
{
	Hlp__Kill kill_msg = HLP__KILL__INIT;
	Hlp__Bye bye = HLP__BYE__INIT;
	uint8_t id[WIRE_ID_BYTES];
	const Hlp__Event *event;
	bool ok;

	send_new(h);
	send_start(h);
	event = next_event(h);
	ok = event && event->ev_case == HLP__EVENT__EV_STARTED &&
	     frame.n_fds >= 1;
	if (!ok && event && event->ev_case == HLP__EVENT__EV_FAILED)
		printf("# %s\n", event->failed->text);
	if (ok) {
		memcpy(id, event->started->id.data, sizeof(id));
		kill_msg.id = (ProtobufCBinaryData){ sizeof(id), id };
		send_msg(h, REQUEST(KILL, kill, &kill_msg), NULL, 0);
		ok = expect(h, HLP__EVENT__EV_GONE);
	}
	send_msg(h, REQUEST(BYE, bye, &bye), NULL, 0);
	wire_frame_fini(&frame);
	return helper_ended(h, CREEL_EXIT_STOPPED) && ok;
}

static bool works(void)
{
	struct helper h = helper_start();

	return greeted(&h) && good_sequence(&h);
}

/* One datagram that must end the helper; @building: amid a half-built sandbox. */
static bool violates(const void *data, size_t len, const int *fds, size_t n_fds,
		     bool building)
{
	struct helper h = helper_start();

	if (!greeted(&h))
		return helper_ended(&h, -1);
	if (building)
		send_new(&h);
	send_raw(&h, data, len, fds, n_fds);
	return helper_ended(&h, CREEL_EXIT_VIOLATION);
}

static void violation(const char *name, const void *data, size_t len)
{
	result(violates(data, len, NULL, 0, false), name);
}

static size_t pack(const Hlp__Request *req, uint8_t *out)
{
	return protobuf_c_message_pack(&req->base, out);
}

static struct golden_copy {
	char name[32];
	size_t len;
	uint8_t bytes[WIRE_HELPER_MAX_BYTES];
} copies[MAX_GOLDEN];
static size_t n_copies;

static void copy_golden(const struct golden *golden, void *data)
{
	struct golden_copy *copy = &copies[n_copies];

	(void)data;
	if (strncmp(golden->name, "request-", 8) != 0 || n_copies == MAX_GOLDEN)
		return;
	snprintf(copy->name, sizeof(copy->name), "%s", golden->name + 8);
	copy->len = protobuf_c_message_get_packed_size(golden->msg);
	if (copy->len > sizeof(copy->bytes))
		return;
	(void)protobuf_c_message_pack(golden->msg, copy->bytes);
	n_copies++;
}

/* Cut at every byte, or at some when the loops are scaled down. */
static void test_truncated(unsigned long scale)
{
	bool ok = true;
	size_t count = 0;

	for (size_t i = 0; i < n_copies; i++)
		for (size_t len = 1; len < copies[i].len; len++) {
			if (scale > 1 && len > 3 && len % (scale / 5 + 1) &&
			    len != copies[i].len - 1)
				continue;
			count++;
			if (!violates(copies[i].bytes, len, NULL, 0, false)) {
				printf("# %s cut at %zu\n", copies[i].name,
				       len);
				ok = false;
			}
		}
	printf("# %zu cuts\n", count);
	result(ok, "SB-30 every request cut short ends the helper");
}

static void test_encodings(void)
{
	static uint8_t big[WIRE_FRAME_MAX_BYTES];
	uint8_t out[WIRE_HELPER_MAX_BYTES];
	Hlp__Start start = HLP__START__INIT;
	Hlp__Hostname name = HLP__HOSTNAME__INIT;
	size_t len;

	violation("SB-29 empty datagram", "", 0);
	violation("SB-29 one byte", "\xff", 1);
	memset(big, 0, sizeof(big));
	violation("SB-29 4097 bytes", big, WIRE_HELPER_MAX_BYTES + 1);
	violation("SB-29 64 KiB", big, sizeof(big));
	violation("SB-30 unknown verb", "\x08\x01\x9a\x06\x00", 5);
	violation("SB-30 no verb", "\x08\x01", 2);
	violation("SB-30 both members of the oneof", "\x08\x01\x4a\x00\x52\x00",
		  6);
	violation("SB-30 duplicate singular field", "\x08\x01\x08\x02\x52\x00",
		  6);
	violation("SB-30 over-long number", "\x08\x81\x00\x52\x00", 5);
	violation("SB-30 length of 2^31", "\x08\x01\x12\xff\xff\xff\xff\x07\x00",
		  9);
	len = pack(REQUEST(START, start, &start), out);
	memcpy(out + len, "\xf8\x07\x01", 3);
	violation("SB-30 unknown field", out, len + 3);
	/* Each level is a tag and a length; no message of ours nests so. */
	memset(big, 0, sizeof(big));
	for (size_t i = 0; i + 3 < WIRE_HELPER_MAX_BYTES; i += 3) {
		size_t left = WIRE_HELPER_MAX_BYTES - i - 3;

		big[i] = 0x12;
		big[i + 1] = (uint8_t)(0x80 | (left & 0x7f));
		big[i + 2] = (uint8_t)(left >> 7);
	}
	violation("SB-30 1,365 nested levels, all that fit", big,
		  WIRE_HELPER_MAX_BYTES);
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = i % 2 ? 0 : 0x12;
	violation("SB-30 empty sub-messages without number", big,
		  WIRE_HELPER_MAX_BYTES);
	violation("SB-30 10,000 nested levels", big, 20000);
	name.name = (char *)"abcdef";
	len = pack(REQUEST(HOSTNAME, hostname, &name), out);
	out[len - 3] = '\0';
	result(violates(out, len, NULL, 0, true), "SB-30 NUL in a string");
}

static void test_values_that_no_controller_sends(void)
{
	uint8_t out[WIRE_HELPER_MAX_BYTES];
	uint8_t bytes[WIRE_LABEL_MAX_BYTES + 1] = { 0 };
	Hlp__New new_msg = HLP__NEW__INIT;
	Hlp__Kill kill_msg = HLP__KILL__INIT;
	Hlp__Write write_msg = HLP__WRITE__INIT;
	size_t len;

	new_msg.net = (Hlp__Net)99;
	new_msg.root = HLP__ROOT__ROOT_HOST;
	len = pack(REQUEST(NEW_, new_, &new_msg), out);
	violation("SB-30 enum out of range", out, len);
	new_msg.net = HLP__NET__NET_NONE;
	new_msg.label = (ProtobufCBinaryData){ sizeof(bytes), bytes };
	len = pack(REQUEST(NEW_, new_, &new_msg), out);
	violation("SB-32 label of 2,049 bytes", out, len);
	kill_msg.id = (ProtobufCBinaryData){ 15, bytes };
	len = pack(REQUEST(KILL, kill, &kill_msg), out);
	violation("SB-32 id of 15 bytes", out, len);
	kill_msg.id.len = 0;
	len = pack(REQUEST(KILL, kill, &kill_msg), out);
	violation("SB-32 empty id", out, len);
	write_msg.file = (Hlp__File)7;
	len = pack(REQUEST(WRITE, write, &write_msg), out);
	result(violates(out, len, NULL, 0, true), "SB-32 file out of range");
}

static void test_states(void)
{
	uint8_t out[WIRE_HELPER_MAX_BYTES];
	Hlp__New image = HLP__NEW__INIT;
	struct helper h;

	for (size_t i = 0; i < n_copies; i++) {
		char name[96];
		bool idle = !strcmp(copies[i].name, "new") ||
			    !strcmp(copies[i].name, "kill") ||
			    !strcmp(copies[i].name, "keep") ||
			    !strcmp(copies[i].name, "drop") ||
			    !strcmp(copies[i].name, "pause") ||
			    !strcmp(copies[i].name, "bye");

		snprintf(name, sizeof(name), "SB-29 %.31s %s", copies[i].name,
			 idle ? "while building" : "while idle");
		result(violates(copies[i].bytes, copies[i].len, NULL, 0, idle),
		       name);
	}
	image.net = HLP__NET__NET_NONE;
	image.root = HLP__ROOT__ROOT_IMAGE;
	h = helper_start();
	if (greeted(&h)) {
		send_raw(&h, out, pack(REQUEST(NEW_, new_, &image), out), NULL,
			 0);
		send_start(&h);
	}
	result(helper_ended(&h, CREEL_EXIT_VIOLATION),
	       "SB-29 start where an image is due");
}

static void test_fd_counts(void)
{
	int fds[FLOOD_FDS];
	uint8_t out[WIRE_HELPER_MAX_BYTES];
	Hlp__Mount mount = HLP__MOUNT__INIT;
	Hlp__Start start = HLP__START__INIT;
	size_t mount_len, start_len;
	struct helper h;

	for (size_t i = 0; i < FLOOD_FDS; i++)
		fds[i] = open("/", O_PATH | O_CLOEXEC);
	mount.target = (char *)"/x";
	mount_len = pack(REQUEST(MOUNT, mount, &mount), out);
	result(violates(out, mount_len, NULL, 0, true), "SB-29 mount, 0 fds");
	result(violates(out, mount_len, fds, 2, true), "SB-29 mount, 2 fds");
	result(violates(out, mount_len, fds, 64, true), "SB-29 mount, 64 fds");
	result(violates(out, mount_len, fds, FLOOD_FDS, true),
	       "SB-29 mount, 253 fds");
	start_len = pack(REQUEST(START, start, &start), out);
	result(violates(out, start_len, fds, 1, true), "SB-29 start, 1 fd");
	result(violates("", 0, fds, 1, false), "SB-29 descriptors alone");
	h = helper_start();
	if (greeted(&h)) {
		/* The socket itself: a cycle that only the kernel can free. */
		Hlp__Keep keep = HLP__KEEP__INIT;

		keep.id = keep.token = GOLDEN_ID;
		send_msg(&h, REQUEST(KEEP, keep, &keep), &h.fd, 1);
		result(expect(&h, HLP__EVENT__EV_FAILED) && good_sequence(&h),
		       "SB-29 the socket itself is not kept");
	}
	for (size_t i = 0; i < FLOOD_FDS; i++)
		close(fds[i]);
}

/* Answers "failed" for the mount and for start, and serves on. */
static void refused_source(const char *name, int fd)
{
	struct helper h = helper_start();
	bool ok = fd >= 0 && greeted(&h);

	if (fd < 0)
		printf("# %s\n", strerror(errno));
	if (ok) {
		send_new(&h);
		send_mount(&h, "/mnt/x", &fd, 1);
		send_start(&h);
		ok = expect(&h, HLP__EVENT__EV_FAILED) &&
		     expect(&h, HLP__EVENT__EV_FAILED);
	}
	ok = ok ? good_sequence(&h) : (helper_ended(&h, -1), false);
	result(ok, name);
	if (fd >= 0)
		close(fd);
}

static void test_fd_kinds(void)
{
	int pair[2];
	char path[] = "/tmp/creel-wire-XXXXXX";
	char link_path[64];
	int fd;

	if (pipe2(pair, O_CLOEXEC) < 0)
		exit(99);
	close(pair[1]);
	refused_source("SB-11 pipe", pair[0]);
	refused_source("SB-11 socket",
		       socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	refused_source("SB-11 memfd", memfd_create("x", MFD_CLOEXEC));
	refused_source("SB-11 epoll", epoll_create1(EPOLL_CLOEXEC));
	refused_source("SB-11 pidfd",
		       (int)syscall(SYS_pidfd_open, getpid(), 0));
	refused_source("SB-11 namespace",
		       open("/proc/self/ns/mnt", O_PATH | O_CLOEXEC));
	refused_source("SB-11 /proc", open("/proc", O_PATH | O_CLOEXEC));
	refused_source("SB-11 file of /proc",
		       open("/proc/sys/kernel/core_pattern",
			    O_PATH | O_CLOEXEC));
	refused_source("SB-11 device", open("/dev/null", O_PATH | O_CLOEXEC));
	refused_source("SB-11 directory, not O_PATH",
		       open("/tmp", O_RDONLY | O_CLOEXEC));
	refused_source("SB-11 file, writable",
		       open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
	if (!mkdtemp(path))
		exit(99);
	snprintf(link_path, sizeof(link_path), "%s/l", path);
	if (symlink("/etc", link_path) < 0)
		exit(99);
	refused_source("SB-11 symbolic link",
		       open(link_path, O_PATH | O_NOFOLLOW | O_CLOEXEC));
	unlink(link_path);
	fd = open(path, O_PATH | O_CLOEXEC);
	rmdir(path);
	refused_source("SB-11 directory that was removed", fd);
}

static void test_hostile_start(void)
{
	struct helper h;
	char path[64];
	char environ_text[4096];
	ssize_t got = -1;
	bool ok;

	hostile_start = true;
	h = helper_start();
	hostile_start = false;
	ok = greeted(&h);
	snprintf(path, sizeof(path), "/proc/%d/environ", (int)h.pid);
	if (ok) {
		auto_fd fd = open(path, O_RDONLY | O_CLOEXEC);

		/* Undumpable, it is root's: EACCES is as good as empty. */
		got = fd < 0 ? 0 : read(fd, environ_text, sizeof(environ_text));
		got = got < 0 ? 0 : got;
		ok = !memmem(environ_text, (size_t)got, "canary", 6);
	}
	result(ok && good_sequence(&h),
	       "SB-27 hostile environment, limits, signals, descriptors, cwd");
}

int main(void)
{
	const char *scale_text = getenv("CREEL_TEST_SCALE");
	unsigned long scale = scale_text ? strtoul(scale_text, NULL, 10) : 100;
	static const char *const modes[] = { "--rootless", "--system" };

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!getenv("CREEL_HELPER")) {
		printf("1..0 # SKIP CREEL_HELPER is not set\n");
		return 0;
	}
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	arena_init(&arena, memory, sizeof(memory));
	wire_frame_init(&frame, buf, sizeof(buf));
	golden_helper(copy_golden, NULL);
	for (size_t i = 0; i < (geteuid() == 0 ? 2 : 1); i++) {
		mode = modes[i];
		result(works(), "control: a good sequence");
		test_encodings();
		test_values_that_no_controller_sends();
		test_states();
		test_truncated(scale);
		test_fd_counts();
		test_fd_kinds();
		test_hostile_start();
		result(works(), "control: a good sequence afterwards");
	}
	printf("1..%u\n", tests);
	return failures ? 1 : 0;
}
