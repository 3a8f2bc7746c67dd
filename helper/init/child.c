// SPDX-License-Identifier: Apache-2.0
/*
 * From clone3(2) to execve(2): the process that becomes a command.  Any step
 * that fails ends it and is told through the start pipe; nothing is left out.
 */
#include <config.h>

#include "helper/init/state.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helper/knockout.h"
#include "proto/cleanup.h"

#define SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
#define DEFAULT_PATH \
	"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define OOM_SCORE_ADJ "500"

/* argv and envp; TERM is added where the request has a terminal. */
struct vectors {
	char **argv;
	char **envp;
	char term[80];
};

static _Noreturn void fail(const struct init_child *c, Ini__Stage stage, int sys)
{
	struct init_start_note note = { .stage = (int)stage, .sys = sys };

	if (note.sys == 0)
		note.sys = EINVAL;
	/* EPIPE: pid 1 is going, and this process with it. */
	(void)!write(c->start_fd, &note, sizeof(note));
	_exit(127);
}

static void must(const struct init_child *c, bool ok)
{
	if (!ok)
		fail(c, INI__STAGE__STAGE_SETUP, errno);
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

/* Maps a memfd that nobody can change any more; NULL with errno. */
static const char *map_sealed(int fd, size_t max, size_t *len)
{
	struct stat st;
	void *map;

	if (fcntl(fd, F_GET_SEALS) != SEALS || fstat(fd, &st)) {
		errno = EINVAL;
		return NULL;
	}
	if (st.st_size <= 0 || (size_t)st.st_size > max) {
		errno = E2BIG;
		return NULL;
	}
	*len = (size_t)st.st_size;
	map = mmap(NULL, *len, PROT_READ, MAP_PRIVATE, fd, 0);
	return map == MAP_FAILED ? NULL : map;
}

static void read_strings(const struct init_child *c, struct vectors *v)
{
	const struct init_exec_args *args = c->args;
	size_t n = (size_t)args->argc + args->envc;
	const char *at = args->strings;
	size_t left = args->strings_len;
	bool has_term = false;
	char **slot;

	if (!at)
		at = map_sealed(args->blob_fd, INIT_BLOB_MAX_BYTES, &left);
	must(c, at != NULL);
	slot = mmap(NULL, (n + 3) * sizeof(*slot), PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(c, slot != MAP_FAILED);
	v->argv = slot;
	v->envp = slot + args->argc + 1;
	for (size_t i = 0; i < n; i++) {
		const char *end = memchr(at, 0, left);

		if (!end)
			fail(c, INI__STAGE__STAGE_SETUP, EINVAL);
		if (i == args->argc)
			slot++;
		*slot++ = (char *)at;
		if (i >= args->argc && !strncmp(at, "TERM=", 5))
			has_term = true;
		left -= (size_t)(end - at) + 1;
		at = end + 1;
	}
	if (left > 0)
		fail(c, INI__STAGE__STAGE_SETUP, EINVAL);
	if (args->envc == 0)
		slot++;
	if (args->tty && *args->term && !has_term) {
		(void)snprintf(v->term, sizeof(v->term), "TERM=%s", args->term);
		*slot = v->term;
	}
}

/*
 * Only what cannot be reopened with more rights than it was passed with comes
 * in. The host's /dev/null is exchanged for the sandbox's: a descriptor of a
 * host mount would be one more thing that is outside.
 */
static int check_stdio(int fd)
{
	struct stat st;
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fstat(fd, &st))
		return -1;
	if (flags & O_PATH) {
		errno = EBADF;
		return -1;
	}
	if (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode))
		return fd;
	if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3))
		return open("/dev/null", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
	return -1;
}

static void set_stdio(const struct init_child *c)
{
	for (int i = 0; i < 3; i++) {
		int fd = c->args->stdio_fd[i];

		if (c->tty_fd >= 0)
			fd = c->tty_fd;
		else if (fd >= 0)
			fd = check_stdio(fd);
		else
			fd = open("/dev/null", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
		must(c, fd >= 0 && dup2(fd, i) == i);
	}
}

static void set_limits(const struct init_child *c)
{
	const struct rlimit no_core = { 0, 0 };

	must(c, !setrlimit(RLIMIT_CORE, &no_core) &&
			!setrlimit(RLIMIT_NOFILE, &c->in->nofile));
	for (uint32_t i = 0; i < c->args->n_rlimits; i++) {
		const struct init_rlimit *limit = &c->args->rlimits[i];
		struct rlimit value = { limit->soft, limit->hard };

		must(c, !setrlimit((__rlimit_resource_t)limit->resource,
				   &value));
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
	int fd = (int)syscall(SYS_openat2, root, c->args->cwd, &how,
			      sizeof(how));
	char path[INIT_PATH_MAX_BYTES + 1];

	if (root < 0 || fd < 0 || fchdir(fd))
		fail(c, INI__STAGE__STAGE_CWD, errno == ELOOP ? EINVAL : errno);
	if (syscall(SYS_getcwd, path, sizeof(path)) < 0 || path[0] != '/')
		fail(c, INI__STAGE__STAGE_CWD, EINVAL);
	(void)close(fd);
	(void)close(root);
}

/*
 * The copy of pid 1 that this process still is cannot open its own proc files
 * before it is dumpable. By now it holds nothing that the command will not.
 */
static void raise_oom_score(const struct init_child *c)
{
	int fd;

	must(c, !prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
	fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	must(c, fd >= 0 &&
			write(fd, OOM_SCORE_ADJ, sizeof(OOM_SCORE_ADJ) - 1) > 0);
	(void)close(fd);
}

static void close_others(const struct init_child *c)
{
	unsigned keep = (unsigned)c->start_fd;

	/* The knock-out leaks a directory on purpose. */
	if (hlp_knocked_out(HLP_LAYER_FDS))
		return;
	must(c, (keep == 3 || !syscall(SYS_close_range, 3, keep - 1, 0)) &&
			!syscall(SYS_close_range, keep + 1, ~0U, 0));
}

static void install_filters(const struct init_child *c, const char *own,
			    size_t own_len)
{
	struct sock_fprog filter = {
		.len = (unsigned short)(own_len / sizeof(struct sock_filter)),
		.filter = (struct sock_filter *)own,
	};

	must(c, !init_filter_install(hlp_filter(c->args->profile)));
	must(c, !own || !init_filter_install(&filter));
}

static const char *path_of(char **envp)
{
	for (; *envp; envp++)
		if (!strncmp(*envp, "PATH=", 5))
			return *envp + 5;
	return DEFAULT_PATH;
}

/* As execvp(3), but with the command's PATH and without a shell's guesses. */
static int search_exec(const struct vectors *v)
{
	const char *path = path_of(v->envp);
	size_t name_len = strlen(v->argv[0]);
	char file[INIT_PATH_MAX_BYTES + 1];
	int found = ENOENT;

	while (name_len > 0) {
		size_t len = strcspn(path, ":");

		if (len + 1 + name_len < sizeof(file)) {
			(void)snprintf(file, sizeof(file), "%.*s%s%s", (int)len,
				       path, len ? "/" : "", v->argv[0]);
			(void)execve(file, v->argv, v->envp);
			if (errno == EACCES)
				found = EACCES;
			else if (errno != ENOENT && errno != ENOTDIR)
				return errno;
		}
		if (path[len] == '\0')
			break;
		path += len + 1;
	}
	return found;
}

/**
 * init_child_run() - become the command; never returns
 * @child: signals are still blocked, all descriptors close-on-exec
 */
void init_child_run(const struct init_child *child)
{
	const struct init_exec_args *args = child->args;
	struct init_start_note note = { .pid = getpid() };
	struct vectors v = { 0 };
	const char *own = NULL;
	size_t own_len = 0;
	sigset_t none;

	if (child->below_monitor)
		must(child, write(child->start_fd, &note, sizeof(note)) > 0);
	must(child, setsid() >= 0);
	if (child->tty_fd >= 0)
		must(child, !ioctl(child->tty_fd, TIOCSCTTY, 0));
	read_strings(child, &v);
	if (args->filter_fd >= 0) {
		own = map_sealed(args->filter_fd,
				 INIT_FILTER_MAX_INSNS *
					 sizeof(struct sock_filter),
				 &own_len);
		must(child, own && own_len % sizeof(struct sock_filter) == 0);
	}
	set_stdio(child);
	set_limits(child);
	must(child, !init_identity_groups(child->in, args->groups,
					  args->n_groups) &&
			    !init_identity_take(child->in, args->uid, args->gid,
						args->cap_keep));
	enter_cwd(child);
	close_others(child);
	raise_oom_score(child);
	install_filters(child, own, own_len);
	sigemptyset(&none);
	must(child, !sigprocmask(SIG_SETMASK, &none, NULL));
	if (args->search_path && !strchr(v.argv[0], '/'))
		errno = search_exec(&v);
	else
		(void)execve(v.argv[0], v.argv, v.envp);
	fail(child, INI__STAGE__STAGE_EXEC, errno);
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
	int status;

	for (;;) {
		pid = wait4(-1, &status, 0, &used);
		if (pid < 0)
			_exit(0);
		if (pid != command)
			continue;
		note.wait_status = status;
		note.cpu_usec = (uint64_t)(used.ru_utime.tv_sec +
					   used.ru_stime.tv_sec) * 1000000 +
				(uint64_t)(used.ru_utime.tv_usec +
					   used.ru_stime.tv_usec);
		(void)!write(in->note_fd[1], &note, sizeof(note));
	}
}

/**
 * init_monitor_run() - start the command below a subreaper; never returns
 */
void init_monitor_run(const struct init_child *child)
{
	unsigned keep = (unsigned)child->in->note_fd[1];
	struct init_child command = *child;
	pid_t pid;

	command.below_monitor = true;
	must(child, !prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
	(void)prctl(PR_SET_NAME, "creel-monitor", 0, 0, 0);
	pid = init_clone(-1);
	must(child, pid >= 0);
	if (pid == 0)
		init_child_run(&command);
	if (init_identity_take(child->in, getuid(), getgid(), 0) ||
	    (keep > 0 && syscall(SYS_close_range, 0, keep - 1, 0)) ||
	    syscall(SYS_close_range, keep + 1, ~0U, 0))
		_exit(1);
	monitor_wait(child->in, pid);
}
