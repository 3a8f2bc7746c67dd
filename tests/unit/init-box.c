// SPDX-License-Identifier: Apache-2.0
/*
 * A sandbox small enough for a unit test: what the helper does, without the
 * parts that creel-init does not see.
 */
#include <config.h>

#include "tests/unit/init-box.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <linux/sched.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helper/init/init.h"
#include "helper/knockout.h"
#include "proto/wire.h"

#define OUTER_BASE 200000u
#define USER 1000u

void (*box_before_init)(void);

static uint8_t recv_buf[WIRE_FRAME_MAX_BYTES];
static uint8_t recv_memory[WIRE_ARENA_BYTES] __attribute__((aligned(16)));

static const char *cgroup_root(void)
{
	return access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0 ?
		       "/sys/fs/cgroup" :
		       "/sys/fs/cgroup/unified";
}

bool box_can_cgroup(void)
{
	char path[160];

	(void)snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup_root());
	return geteuid() == 0 && access(path, W_OK) == 0;
}

static void write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		ck_abort_msg("%s: %s", path, strerror(errno));
	close(fd);
}

static void need(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "init-box: %s: %s\n", what, strerror(errno));
	_exit(99);
}

static void bind_in(const char *from, const char *to)
{
	need(!mount(from, to, NULL, MS_BIND | MS_REC, NULL), from);
}

static void make_file(const char *path)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

	need(fd >= 0, path);
	close(fd);
}

static void make_root(bool range)
{
	static const char *const dirs[] = { "usr", "etc", "dev", "proc", "tmp",
					    "workspace", "dev/pts", "run",
					    "dev/mqueue" };
	static const char *const devs[] = { "null", "zero", "urandom", "tty" };
	static const char *const links[] = { "bin", "sbin", "lib", "lib64" };
	char from[64];
	char to[64];

	need(!mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private");
	need(!mount("tmpfs", "/tmp", "tmpfs", 0, "mode=755"), "tmpfs");
	need(!chdir("/tmp"), "chdir");
	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++)
		need(!mkdir(dirs[i], 0755), dirs[i]);
	bind_in("/usr", "usr");
	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++) {
		(void)snprintf(from, sizeof(from), "usr/%s", links[i]);
		(void)!symlink(from, links[i]);
	}
	for (size_t i = 0; i < sizeof(devs) / sizeof(*devs); i++) {
		(void)snprintf(from, sizeof(from), "/dev/%s", devs[i]);
		(void)snprintf(to, sizeof(to), "dev/%s", devs[i]);
		make_file(to);
		bind_in(from, to);
	}
	need(!mount("devpts", "dev/pts", "devpts", 0,
		    "newinstance,ptmxmode=0666,mode=0620"), "devpts");
	need(!mount("mqueue", "dev/mqueue", "mqueue", 0, NULL), "mqueue");
	need(!symlink("pts/ptmx", "dev/ptmx"), "ptmx");
	need(!mount("proc", "proc", "proc", 0, NULL), "proc");
	need(!chmod("tmp", 01777), "chmod");
	if (range)
		need(!chown("workspace", USER, USER), "chown");
	need(!syscall(SYS_pivot_root, ".", "."), "pivot_root");
	need(!umount2(".", MNT_DETACH) && !chdir("/"), "umount");
}

static void lo_up(void)
{
	struct ifreq ifr = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	need(fd >= 0 && !ioctl(fd, SIOCGIFFLAGS, &ifr), "lo");
	ifr.ifr_flags |= IFF_UP;
	need(!ioctl(fd, SIOCSIFFLAGS, &ifr), "lo up");
	close(fd);
}

/* What the helper sets and commands inherit. */
static void make_score(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	need(fd >= 0 && write(fd, "500", 3) == 3, "oom_score_adj");
	close(fd);
}

static int cgroup_mount(void)
{
	int fs = (int)syscall(SYS_fsopen, "cgroup2", 1);
	int fd;

	need(fs >= 0 && !syscall(SYS_fsconfig, fs, 6, NULL, NULL, 0), "cgroup2");
	fd = (int)syscall(SYS_fsmount, fs, 1, 0);
	need(fd >= 0, "fsmount");
	close(fs);
	return fd;
}

static __attribute__((noreturn)) void inner(const struct box *box, int sync_fd,
					    int sock)
{
	struct init_config config = {
		.cgroup_fd = -1,
		.id_range = box->range,
		.uid = USER,
		.gid = USER,
		.cap_keep = 1ULL << 0, /* CAP_CHOWN */
	};
	char go;

	need(read(sync_fd, &go, 1) == 1, "maps");
	need(!prctl(PR_SET_PDEATHSIG, SIGKILL), "pdeathsig");
	make_score();
	if (box->range)
		need(!setgroups(0, NULL) && !setresgid(0, 0, 0) &&
			     !setresuid(0, 0, 0), "ids");
	lo_up();
	make_root(box->range);
	if (box->cgroup)
		config.cgroup_fd = cgroup_mount();
	need(!prctl(PR_SET_PDEATHSIG, SIGKILL), "pdeathsig");
	need(!prctl(PR_SET_DUMPABLE, 0), "dumpable");
	need(dup2(sock, 3) == 3, "dup2");
	if (config.cgroup_fd >= 0) {
		need(dup2(config.cgroup_fd, 4) == 4, "dup2");
		config.cgroup_fd = 4;
	}
	need(!close_range(box->cgroup ? 5 : 4, ~0U, 0), "close_range");
	config.control_fd = 3;
	if (box_before_init)
		box_before_init();
	init_main(&config);
}

static void make_cgroup(struct box *box)
{
	static const char *const files[] = { "", "/cgroup.procs",
					     "/cgroup.subtree_control" };
	static unsigned number;
	char path[192];

	do
		(void)snprintf(box->cgroup_dir, sizeof(box->cgroup_dir),
			       "%s/creel-test-%d-%u", cgroup_root(), getpid(),
			       number++);
	while (mkdir(box->cgroup_dir, 0755) && errno == EEXIST);
	for (size_t i = 0; i < 3; i++) {
		(void)snprintf(path, sizeof(path), "%s%s", box->cgroup_dir,
			       files[i]);
		ck_assert(!chown(path, OUTER_BASE, OUTER_BASE));
	}
}

static void write_maps(const struct box *box)
{
	char path[64];
	char line[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/setgroups", box->pid);
	if (!box->range)
		write_to(path, "deny");
	for (int i = 0; i < 2; i++) {
		(void)snprintf(path, sizeof(path), "/proc/%d/%s", box->pid,
			       i ? "gid_map" : "uid_map");
		if (box->range)
			(void)snprintf(line, sizeof(line), "0 %u 65536",
				       OUTER_BASE);
		else
			(void)snprintf(line, sizeof(line), "%u %u 1", USER,
				       i ? getegid() : geteuid());
		write_to(path, line);
	}
}

/*
 * Fails the test where it cannot. The first event, Ready, is consumed.
 */
void box_start(struct box *box, bool cgroup)
{
	struct clone_args args = {
		.flags = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS |
			 CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS,
		.exit_signal = SIGCHLD,
	};
	int cgroup_fd = -1;
	int sync_fd[2];
	int sock[2];
	struct box_event event;

	*box = (struct box){ .cgroup = cgroup, .range = geteuid() == 0 };
	ck_assert(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock));
	ck_assert(!pipe2(sync_fd, O_CLOEXEC));
	if (cgroup) {
		make_cgroup(box);
		cgroup_fd = open(box->cgroup_dir, O_PATH | O_CLOEXEC);
		args.flags |= CLONE_NEWCGROUP | CLONE_INTO_CGROUP;
		args.cgroup = (unsigned)cgroup_fd;
	}
	box->pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (box->pid == 0)
		inner(box, sync_fd[0], sock[1]);
	ck_assert_msg(box->pid > 0, "clone3: %s", strerror(errno));
	close(sock[1]);
	close(sync_fd[0]);
	if (cgroup_fd >= 0)
		close(cgroup_fd);
	box->sock = sock[0];
	write_maps(box);
	ck_assert(write(sync_fd[1], "g", 1) == 1);
	close(sync_fd[1]);
	event = box_expect(box, INI__EVENT__EV_READY);
	ck_assert_int_eq(event.ev->ready->cgroup, cgroup);
}

void box_kill_control(struct box *box)
{
	close(box->sock);
	box->sock = -1;
}

void box_stop(struct box *box)
{
	int status = -1;
	int tries = 0;

	if (box->sock >= 0)
		close(box->sock);
	while (waitpid(box->pid, &status, WNOHANG) == 0 && tries++ < 500)
		poll(NULL, 0, 10);
	ck_assert_msg(tries < 500, "pid 1 does not end");
	box->pid = status;
	while (box->cgroup && rmdir(box->cgroup_dir) && tries++ < 500) {
		char pattern[192];
		glob_t found;

		(void)snprintf(pattern, sizeof(pattern), "%s/*/",
			       box->cgroup_dir);
		if (!glob(pattern, 0, NULL, &found)) {
			for (size_t i = 0; i < found.gl_pathc; i++)
				(void)rmdir(found.gl_pathv[i]);
			globfree(&found);
		}
		poll(NULL, 0, 5);
	}
}

void box_send(struct box *box, Ini__Request *req, const int *fds, size_t n_fds)
{
	struct err err = ERR_INIT;

	ck_assert_msg(!wire_send_msg(box->sock, &req->base,
				     WIRE_FRAME_MAX_BYTES, fds, n_fds, &err),
		      "%s", err.text);
}

static size_t count_strings(const char *const *list, uint8_t *buf, size_t *len)
{
	size_t n = 0;

	for (; list && list[n]; n++) {
		size_t size = strlen(list[n]) + 1;

		memcpy(buf + *len, list[n], size);
		*len += size;
	}
	return n;
}

static int make_blob(const void *data, size_t len)
{
	int fd = memfd_create("blob", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	ck_assert(fd >= 0 && write(fd, data, len) == (ssize_t)len);
	ck_assert(!fcntl(fd, F_ADD_SEALS,
			 F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW |
				 F_SEAL_SEAL));
	return fd;
}

static void fill_own(Ini__Exec *msg, const struct box_exec *exec)
{
	msg->memory_peak = exec->memory_peak;
	msg->capture = exec->capture;
	msg->input_once = exec->input_once;
	msg->limit_memory = exec->limit_memory;
	msg->limit_cpu_usec = exec->limit_cpu_usec;
}

void box_send_exec(struct box *box, const struct box_exec *exec)
{
	static uint8_t strings[4 * 1024 * 1024];
	static const char *const env[] = { "PATH=/usr/bin:/bin", NULL };
	Ini__Exec msg = INI__EXEC__INIT;
	Ini__Rlimit limit = INI__RLIMIT__INIT;
	Ini__Rlimit *limits = &limit;
	Ini__Request req = INI__REQUEST__INIT;
	uint8_t token[16] = { exec->id, 0x55 };
	size_t len = 0;
	int fds[6];
	size_t n = 0;

	msg.token = (ProtobufCBinaryData){ 16, token };
	msg.argc = (uint32_t)count_strings(exec->argv, strings, &len);
	msg.envc = (uint32_t)count_strings(exec->envp ? exec->envp : env,
					   strings, &len);
	msg.cwd = (char *)(exec->cwd ? exec->cwd : "/");
	msg.uid = box->range && exec->uid != UINT32_MAX ? exec->uid : USER;
	if (box->range && exec->uid == 0)
		msg.uid = USER;
	if (exec->uid == UINT32_MAX)
		msg.uid = 0; /* root inside */
	msg.gid = exec->uid == UINT32_MAX ? 0 : USER;
	msg.filter = exec->filter ? exec->filter : INI__FILTER__FILTER_AGENT;
	msg.timeout_ms = exec->timeout_ms;
	msg.cap_keep = exec->cap_keep;
	msg.apparmor = (char *)(exec->apparmor ? exec->apparmor : "");
	msg.tty = exec->tty;
	msg.rows = exec->tty ? 33 : 0;
	msg.cols = exec->tty ? 77 : 0;
	msg.term = (char *)(exec->tty ? "xterm" : "");
	msg.search_path = !exec->no_search;
	fill_own(&msg, exec);
	if (exec->stdio_fd[0] || exec->stdio_fd[1] || exec->stdio_fd[2]) {
		msg.stdio = true;
		memcpy(fds, exec->stdio_fd, sizeof(exec->stdio_fd));
		n = 3;
	}
	if (exec->lifeline_fd) {
		msg.lifeline = true;
		fds[n++] = exec->lifeline_fd;
	}
	if (exec->blob) {
		msg.blob_fd = true;
		fds[n++] = make_blob(strings, len);
	} else {
		msg.strings = (ProtobufCBinaryData){ len, strings };
	}
	limit.resource = RLIMIT_NPROC;
	limit.soft = limit.hard = exec->max_processes;
	if (exec->max_processes) {
		msg.n_rlimits = 1;
		msg.rlimits = &limits;
	}
	req.op_case = INI__REQUEST__OP_EXEC;
	req.exec = &msg;
	box_send(box, &req, fds, n);
	if (exec->blob)
		close(fds[n - 1]);
}

void box_signal(struct box *box, uint8_t id, int sig, bool tree)
{
	uint8_t token[16] = { id, 0x55 };
	Ini__Signal msg = INI__SIGNAL__INIT;
	Ini__Request req = INI__REQUEST__INIT;

	msg.token = (ProtobufCBinaryData){ 16, token };
	msg.signal = (uint32_t)sig;
	msg.tree = tree;
	req.op_case = INI__REQUEST__OP_SIGNAL;
	req.signal = &msg;
	box_send(box, &req, NULL, 0);
}

void box_ack(struct box *box, uint8_t id)
{
	uint8_t token[16] = { id, 0x55 };
	Ini__Ack msg = INI__ACK__INIT;
	Ini__Request req = INI__REQUEST__INIT;

	msg.token = (ProtobufCBinaryData){ 16, token };
	req.op_case = INI__REQUEST__OP_ACK;
	req.ack = &msg;
	box_send(box, &req, NULL, 0);
}

/* ev is NULL where nothing came, or the sandbox ended. */
struct box_event box_wait(struct box *box, int timeout_ms)
{
	struct box_event event = { .fd = -1, .more_fd = { -1, -1 } };
	struct pollfd ready = { .fd = box->sock, .events = POLLIN };
	struct err err = ERR_INIT;
	struct wire_frame frame;
	struct arena arena;

	if (poll(&ready, 1, timeout_ms) != 1)
		return event;
	arena_init(&arena, recv_memory, sizeof(recv_memory));
	wire_frame_init(&frame, recv_buf, sizeof(recv_buf));
	if (wire_recv(box->sock, &frame, 3, &err) != WIRE_GOT)
		return event;
	event.fd = wire_frame_take_fd(&frame, 0);
	event.more_fd[0] = wire_frame_take_fd(&frame, 1);
	event.more_fd[1] = wire_frame_take_fd(&frame, 2);
	event.ev = (Ini__Event *)wire_unpack(&ini__event__descriptor, &arena,
					     frame.buf, frame.len, &err);
	ck_assert_msg(event.ev != NULL, "%s", err.text);
	return event;
}

struct box_event box_expect(struct box *box, Ini__Event__EvCase which)
{
	struct box_event event = box_wait(box, 10000);

	ck_assert_msg(event.ev != NULL, "no event, %d expected", which);
	ck_assert_int_eq(event.ev->ev_case, which);
	return event;
}

Ini__Exited box_expect_exited(struct box *box, uint8_t id)
{
	struct box_event event = box_expect(box, INI__EVENT__EV_EXITED);

	ck_assert_int_eq(event.ev->exited->token.data[0], id);
	return *event.ev->exited;
}

static void drain(int fd, struct box_result *result)
{
	ssize_t got;

	/* What it left behind may hold the other end. */
	ck_assert(!fcntl(fd, F_SETFL, O_NONBLOCK));
	while ((got = read(fd, result->out + result->out_len,
			   sizeof(result->out) - 1 - result->out_len)) > 0)
		result->out_len += (size_t)got;
	result->out[result->out_len] = '\0';
}

/* Runs to the end with stdout and stderr caught (64 KiB), acknowledges. */
void box_run(struct box *box, const struct box_exec *exec,
	     struct box_result *result)
{
	struct box_exec own = *exec;
	struct box_event event;
	int out_fd[2];

	memset(result, 0, sizeof(*result));
	ck_assert(!pipe2(out_fd, O_CLOEXEC));
	own.stdio_fd[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	own.stdio_fd[1] = own.stdio_fd[2] = out_fd[1];
	box_send_exec(box, &own);
	close(out_fd[1]);
	close(own.stdio_fd[0]);
	event = box_wait(box, 10000);
	ck_assert_msg(event.ev != NULL, "pid 1 does not answer");
	if (event.ev->ev_case == INI__EVENT__EV_FAILED) {
		result->failed = true;
		result->stage = event.ev->failed->stage;
		result->sys = (int)event.ev->failed->sys;
		close(out_fd[0]);
		return;
	}
	ck_assert_int_eq(event.ev->ev_case, INI__EVENT__EV_STARTED);
	result->exited = box_expect_exited(box, exec->id);
	result->signalled = result->exited.signalled;
	result->status = (int)result->exited.status;
	drain(out_fd[0], result);
	close(out_fd[0]);
	box_ack(box, exec->id);
}

/* The exit status of a shell script; -1 where it was killed or not started. */
int box_sh(struct box *box, const char *script, char *out, size_t size)
{
	const char *const argv[] = { "sh", "-c", script, NULL };
	static struct box_result result;
	static uint8_t turn;
	/* A token that lingers would be told about, not run. */
	uint8_t id = (uint8_t)(100 + turn++ % 150);

	box_run(box, &(struct box_exec){ .argv = argv, .id = id }, &result);
	if (out)
		(void)snprintf(out, size, "%s", result.out);
	return result.failed || result.signalled ? -1 : result.status;
}

/* What commands have started, seen from inside, without the counting shell. */
unsigned box_count_processes(struct box *box)
{
	char out[32];

	ck_assert_int_eq(box_sh(box, "n=0; for p in /proc/[0-9]*/comm; do "
				     "c=; read c < $p; case $c in creel-*) ;; "
				     "?*) n=$((n+1)); esac; done 2>/dev/null; "
				     "echo $n", out, sizeof(out)), 0);
	return (unsigned)strtoul(out, NULL, 10) - 1;
}
