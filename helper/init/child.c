// SPDX-License-Identifier: Apache-2.0
/*
 * From clone3(2) to execve(2): the process that becomes a command.  Any step
 * that fails ends it and is told through the start pipe; nothing is left out.
 */
#include <config.h>

#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "helper/init/state.h"

#define TOUCH_BYTES 8192
#define DEFAULT_PATH \
	"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static _Noreturn void fail(const struct init_child *c, Ini__Stage stage)
{
	struct init_start_note note = { .stage = (int)stage, .sys = errno };

	/* EPIPE: pid 1 is going, and this process with it. */
	(void)!write(c->start_fd, &note, sizeof(note));
	_exit(127);
}

static void must(const struct init_child *c, bool ok)
{
	if (!ok)
		fail(c, INI__STAGE__STAGE_SETUP);
}

/* The same for what is wrong with the request, which sets no errno. */
static void check(const struct init_child *c, bool ok, int sys)
{
	errno = sys;
	must(c, ok);
}

/**
 * init_clone() - fork, into a cgroup where @cgroup_fd is one
 *
 * The C library's fork(3) would run handlers of libraries; none is wanted.
 */
pid_t init_clone(int cgroup_fd)
{
	struct clone_args args = { .exit_signal = SIGCHLD };

	if (cgroup_fd >= 0) {
		args.flags = CLONE_INTO_CGROUP;
		args.cgroup = (unsigned)cgroup_fd;
	}
	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

/* Maps a memfd that nobody can change any more. */
static const char *map_sealed(const struct init_child *c, int fd, size_t max,
			      size_t *len)
{
	struct stat st;
	void *map;

	check(c, fcntl(fd, F_GET_SEALS) == INIT_SEALS && !fstat(fd, &st),
	      EINVAL);
	check(c, st.st_size > 0 && (size_t)st.st_size <= max, E2BIG);
	*len = (size_t)st.st_size;
	map = mmap(NULL, *len, PROT_READ, MAP_PRIVATE, fd, 0);
	must(c, map != MAP_FAILED);
	return map;
}

/* argv and envp; TERM is added where a terminal comes without. */
static void read_strings(const struct init_child *c, char ***argv, char ***envp)
{
	static char term[80];
	const Ini__Exec *m = c->req->msg->exec;
	size_t n = (size_t)m->argc + m->envc;
	size_t left = m->strings.len;
	const char *at = (const char *)m->strings.data;
	bool need_term = m->tty && *m->term;
	char **slot;

	if (m->blob_fd)
		at = map_sealed(c, c->req->fd[INIT_FD_BLOB],
				INIT_BLOB_MAX_BYTES, &left);
	slot = mmap(NULL, (n + 3) * sizeof(*slot), PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(c, slot != MAP_FAILED);
	*argv = slot;
	*envp = slot + m->argc + 1;
	for (size_t i = 0; i < n; i++) {
		const char *end = left > 0 ? memchr(at, 0, left) : NULL;

		check(c, end != NULL, EINVAL);
		slot[i + (i >= m->argc)] = (char *)at;
		if (i >= m->argc && !strncmp(at, "TERM=", 5))
			need_term = false;
		left -= (size_t)(end - at) + 1;
		at = end + 1;
	}
	check(c, left == 0, EINVAL);
	(void)snprintf(term, sizeof(term), "TERM=%s", m->term);
	if (need_term)
		slot[n + 1] = term;
}

static int open_null(void)
{
	static int fd = -1;

	if (fd < 0)
		fd = open("/dev/null", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	return fd;
}

/*
 * Only what cannot be reopened with more rights than it was passed with comes
 * in. The host's /dev/null is exchanged for the sandbox's: a descriptor of a
 * host mount would be one more thing that is outside.
 */
static int stdio_of(const struct init_child *c, int fd)
{
	int flags = fd < 0 ? 0 : fcntl(fd, F_GETFL);
	struct stat st = { .st_mode = S_IFCHR, .st_rdev = makedev(1, 3) };

	if (c->req->msg->exec->tty)
		return c->req->fd[0];
	must(c, flags >= 0 && (fd < 0 || !fstat(fd, &st)));
	check(c, !(flags & O_PATH), EBADF);
	if (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode))
		return fd;
	check(c, S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3),
	      S_ISDIR(st.st_mode) ? EISDIR : EINVAL);
	return open_null();
}

static void set_stdio_and_limits(const struct init_child *c)
{
	const Ini__Exec *m = c->req->msg->exec;
	const struct rlimit no_core = { 0, 0 };

	for (int i = 0; i < 3; i++)
		must(c, dup2(stdio_of(c, c->req->fd[i]), i) == i);
	must(c, !setrlimit(RLIMIT_CORE, &no_core) &&
			!setrlimit(RLIMIT_NOFILE, &c->in->nofile));
	for (size_t i = 0; i < m->n_rlimits; i++) {
		struct rlimit limit = { m->rlimits[i]->soft,
					m->rlimits[i]->hard };

		must(c, !setrlimit((__rlimit_resource_t)m->rlimits[i]->resource,
				   &limit));
	}
}

/*
 * Walked with the command's own rights. getcwd(2) says "(unreachable)" for
 * what is not below the root, whatever the way there was.
 */
static void enter_cwd(const struct init_child *c)
{
	struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = (int)syscall(SYS_openat2, root, c->req->msg->exec->cwd, &how,
			      sizeof(how));
	char path[INIT_PATH_MAX_BYTES + 1] = "";

	if (root >= 0 && fd >= 0 && !fchdir(fd)) {
		if (syscall(SYS_getcwd, path, sizeof(path)) > 0 && *path == '/')
			return;
		errno = EINVAL;
	}
	errno = errno == ELOOP ? EINVAL : errno;
	fail(c, INI__STAGE__STAGE_CWD);
}

/* What has a profile cannot leave it: the command is in both then. */
static const char *how_apparmor(void)
{
	auto_fd fd = open("/proc/thread-self/attr/apparmor/current",
			  O_RDONLY | O_CLOEXEC);
	char label[256] = "";

	return fd >= 0 && read(fd, label, sizeof(label) - 1) > 0 &&
			       !strstr(label, "unconfined") ?
		       "stack" :
		       "exec";
}

/*
 * What execve(2) puts the command into, see apparmor(7). Before the filters:
 * they may leave no way to write it. Where the file is not the kernel's, as
 * could be where the sandbox's root has come by mounts, nothing runs.
 */
static void set_apparmor(const struct init_child *c)
{
	const char *profile = c->req->msg->exec->apparmor;
	char text[sizeof("stack ") + INIT_APPARMOR_MAX_BYTES];
	auto_fd fd = -1;
	struct statfs fs;
	int len;

	if (!*profile)
		return;
	len = snprintf(text, sizeof(text), "%s %s", how_apparmor(), profile);
	fd = open("/proc/thread-self/attr/apparmor/exec", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || fstatfs(fd, &fs) || fs.f_type != PROC_SUPER_MAGIC)
		errno = EOPNOTSUPP;
	else if (write(fd, text, (size_t)len) == len)
		return;
	fail(c, INI__STAGE__STAGE_APPARMOR);
}

/**
 * init_close_others() - close all descriptors from 3 on
 * @keep: but for these; negative ones stand for none
 *
 * Return: 0, or -1 with errno.
 */
int init_close_others(const int *keep, size_t n_keep)
{
	unsigned low = 3;
	unsigned next = 0;

	while (next != UINT_MAX) {
		next = UINT_MAX;
		for (size_t i = 0; i < n_keep; i++)
			if (keep[i] >= (int)low && (unsigned)keep[i] < next)
				next = (unsigned)keep[i];
		if (next > low && close_range(low, next - 1, 0))
			return -1;
		low = next + 1;
	}
	return 0;
}

static void close_others(const struct init_child *c, int fd, int other_fd)
{
	/* The knock-out leaks a directory on purpose. */
	int leak = hlp_knocked_out(HLP_LAYER_FDS) ? HLP_LEAKED_FD : -1;
	const int keep[] = { fd, other_fd, leak };

	must(c, !init_close_others(keep, 3));
}

/* As execvp(3), but with the command's PATH and without a shell's guesses. */
static void search_exec(char **argv, char **envp)
{
	const char *path = DEFAULT_PATH;
	char file[INIT_PATH_MAX_BYTES + 1];
	int found = ENOENT;

	for (char **e = envp; *e; e++)
		if (!strncmp(*e, "PATH=", 5))
			path = *e + 5;
	for (;; path++) {
		int len = (int)strcspn(path, ":");

		if (snprintf(file, sizeof(file), "%.*s%s%s", len, path,
			     len ? "/" : "", *argv) < (int)sizeof(file)) {
			(void)execve(file, argv, envp);
			if (errno != EACCES && errno != ENOENT &&
			    errno != ENOTDIR)
				return;
			found = errno == EACCES ? EACCES : found;
		}
		path += len;
		if (*path == '\0')
			break;
	}
	errno = found;
}

/* A process that was forked ahead: the request comes now. */
static void await_order(const struct init_child *c, struct init_request *req)
{
	struct wire_frame *frame = c->in->frame;
	struct err err = ERR_INIT;

	/* What can be done, and which pages will be written to, is known. */
	(void)open_null();
	memset(frame->buf, 0, TOUCH_BYTES);
	memset(c->in->arena->base, 0, TOUCH_BYTES);
	frame->len = 0;
	(void)init_request_read(frame, c->in->arena, req, &err);
	if (wire_recv(c->order_fd, frame, INIT_N_FDS, &err) != WIRE_GOT ||
	    init_request_read(frame, c->in->arena, req, &err))
		_exit(0);
}

static _Noreturn void command_run(struct init_child *c)
{
	static struct init_request ordered;
	const struct init_request *req = c->req ? c->req : &ordered;
	const struct sock_fprog *profile = hlp_filter(HLP_PROFILE_AGENT);
	struct sock_fprog own = { 0 };
	const Ini__Exec *m;
	size_t own_len = 0;
	char **argv;
	char **envp;
	sigset_t none;

	must(c, setsid() >= 0);
	if (!c->req) {
		/* Other commands wait for an end of what it would hold. */
		close_others(c, c->start_fd, c->order_fd);
		must(c, !init_filter_install(profile));
		await_order(c, &ordered);
		c->req = &ordered;
	} else {
		profile = hlp_filter(req->profile);
	}
	m = req->msg->exec;
	must(c, !m->tty || !ioctl(req->fd[0], TIOCSCTTY, 0));
	read_strings(c, &argv, &envp);
	if (req->fd[INIT_FD_FILTER] >= 0) {
		own.filter = (struct sock_filter *)map_sealed(
			c, req->fd[INIT_FD_FILTER],
			INIT_FILTER_MAX_INSNS * sizeof(*own.filter), &own_len);
		own.len = (unsigned short)(own_len / sizeof(*own.filter));
		check(c, own_len % sizeof(*own.filter) == 0, EINVAL);
	}
	set_stdio_and_limits(c);
	must(c, !init_identity_groups(c->in, m->groups, m->n_groups) &&
			!init_identity_take(c->in, m->uid, m->gid,
					    m->cap_keep));
	enter_cwd(c);
	set_apparmor(c);
	close_others(c, c->start_fd, -1);
	must(c, c->order_fd >= 0 || !init_filter_install(profile));
	must(c, !own.filter || !init_filter_install(&own));
	sigemptyset(&none);
	must(c, !sigprocmask(SIG_SETMASK, &none, NULL));
	if (m->search_path && **argv && !strchr(*argv, '/'))
		search_exec(argv, envp);
	else
		(void)execve(*argv, argv, envp);
	fail(c, INI__STAGE__STAGE_EXEC);
}

/*
 * Holds no privilege and no descriptor of the command's; pid 1 does the
 * killing. When it dies early its tree becomes pid 1's strays.
 */
static _Noreturn void monitor_wait(const struct init *in, pid_t command)
{
	struct init_end_note note = { .monitor = getpid() };
	struct rusage used;
	pid_t pid;

	while ((pid = wait4(-1, &note.wait_status, 0, &used)) > 0) {
		if (pid != command)
			continue;
		note.cpu_usec = (uint64_t)(used.ru_utime.tv_sec +
					   used.ru_stime.tv_sec) * 1000000 +
				(uint64_t)(used.ru_utime.tv_usec +
					   used.ru_stime.tv_usec);
		(void)!write(in->note_fd[1], &note, sizeof(note));
	}
	_exit(0);
}

/**
 * init_child_run() - become the command, below a monitor without cgroups
 * @child: signals are still blocked, all descriptors close-on-exec
 */
void init_child_run(const struct init_child *child)
{
	struct init_child command = *child;
	struct init_start_note note = { 0 };
	pid_t pid = 0;

	(void)prctl(PR_SET_NAME, "creel-ahead", 0, 0, 0);
	if (child->in->config.cgroup_fd >= 0)
		command_run(&command);
	must(child, !prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
	pid = init_clone(-1);
	must(child, pid >= 0);
	if (pid == 0) {
		note.pid = getpid();
		must(child, write(child->start_fd, &note, sizeof(note)) > 0);
		command_run(&command);
	}
	(void)prctl(PR_SET_NAME, "creel-monitor", 0, 0, 0);
	for (int fd = 0; fd < 3; fd++)
		(void)close(fd);
	close_others(child, child->in->note_fd[1], -1);
	if (init_identity_take(child->in, getuid(), getgid(), 0))
		_exit(1);
	monitor_wait(child->in, pid);
}
