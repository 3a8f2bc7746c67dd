// SPDX-License-Identifier: Apache-2.0
/*
 * U, one a user. Parses nothing: it forks the spawner and the dispatcher, and
 * starts a controller whenever the dispatcher asks for one. It lives as long
 * as the dispatcher does, which lives as long as the spawner.
 */
#include <config.h>

#include "helper/user.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "helper/dispatch.h"
#include "helper/log.h"
#include "helper/relay.h"
#include "helper/spawner.h"
#include "proto/cleanup.h"
#include "proto/exit-codes.h"

#define CONTROLLER_FD 3
#define QUICK_MS 1000     /* a controller that lives shorter has failed */
#define MAX_QUICK 8       /* so often in a row, and the helper ends */
#define BACKOFF_MS 20     /* doubled each time */
#define FAREWELL_MS 2000  /* for the controller, once the dispatcher is gone */
#define FAREWELL_STEP_MS 10

/**
 * hlp_now_ms() - a clock that nobody sets
 */
int64_t hlp_now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/**
 * hlp_fork_with_socket() - fork, with a socket between parent and child
 * @tree: cgroup that the child is to be in, NULL the parent's
 * @fd:   set to one's own end, in either process
 */
pid_t hlp_fork_with_socket(const struct hlp_cgroup_tree *tree, int *fd)
{
	int pair[2];
	pid_t pid = -1;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0)
		pid = tree ? hlp_cgroup_fork(tree) : fork();
	if (pid < 0) {
		hlp_log(HLP_LOG_ERR, "fork: %s", err_sys_text(errno));
		return -1;
	}
	*fd = pair[pid == 0];
	fd_close(&pair[pid != 0]);
	return pid;
}

/**
 * hlp_user_fork_spawner() - start the process that uses the privileges
 * @fd: set to the dispatcher's end of its socket, owned by the caller
 *
 * Return: its pid or -1, logged.
 */
pid_t hlp_user_fork_spawner(const struct hlp_user_config *config, int *fd)
{
	const struct hlp_policy *policy = config->policy;
	uint32_t n_blocks;
	uint32_t first = hlp_policy_share(policy, config->who.uid, &n_blocks);
	struct hlp_spawner_config spawner = {
		.system = config->system,
		.caller_uid = config->who.uid,
		.caller_gid = config->who.gid,
		.block_base = policy->range_base + first * HLP_BLOCK_IDS,
		.n_blocks = n_blocks,
		.allow_map_caller = policy->map_caller,
		.allow_host_net = policy->host_network,
		.cap_keep_allowed = policy->cap_keep,
		.cgroup_fd = config->tree->fd,
		.lease_fd = config->lease_fd,
		.max_memory = policy->max_memory,
		.max_pids = policy->max_pids,
		.max_cpu_usec = policy->max_cpus * 100000,
		.max_sandboxes = policy->max_sandboxes + policy->pool,
	};
	pid_t pid;

	memcpy(spawner.controllers, config->tree->controllers,
	       sizeof(spawner.controllers));
	memcpy(spawner.cgroup_why, config->tree->why,
	       sizeof(spawner.cgroup_why));
	pid = hlp_fork_with_socket(config->tree, fd);
	if (pid == 0) {
		int keep[] = { *fd, config->tree->fd, config->lease_fd };

		if (config->system && geteuid() == 0)
			hlp_stage_system(policy->uid, policy->gid);
		hlp_stage_spawner(keep, sizeof(keep) / sizeof(keep[0]));
		_exit(hlp_spawner_run(*fd, &spawner));
	}
	return pid;
}

static pid_t fork_dispatcher(const struct hlp_user_config *config,
			     int spawner_fd, int *user_fd)
{
	static struct hlp_ctx ctx;
	pid_t parent = getpid();
	pid_t pid = hlp_fork_with_socket(NULL, user_fd);

	if (pid == 0) {
		int mounts_fd = open("/proc/self/mountinfo",
				     O_RDONLY | O_CLOEXEC);
		int keep[] = { *user_fd, config->link_fd, spawner_fd,
			       mounts_fd };

		ctx = (struct hlp_ctx){
			.policy = config->policy,
			.control_fd = -1,
			.link_fd = config->link_fd,
			.user_fd = *user_fd,
			.spawner_fd = spawner_fd,
			.mounts_fd = mounts_fd,
		};
		hlp_die_with_parent(parent);
		hlp_stage_dispatcher(keep, sizeof(keep) / sizeof(keep[0]));
		_exit(hlp_dispatch_run(&ctx));
	}
	return pid;
}

/* -1: rootless, what the listener has is the user's own. */
static void set_output(int voice_fd)
{
	if (voice_fd >= 0 && (dup2(STDIN_FILENO, STDOUT_FILENO) < 0 ||
			      dup2(voice_fd, STDERR_FILENO) < 0))
		_exit(CREEL_EXIT_PRIVILEGE);
}

static __attribute__((noreturn)) void
become_controller(const struct hlp_user_config *config, int fd, pid_t parent)
{
	char *const env[] = { (char *)"PATH=/usr/local/bin:/usr/bin:/bin",
			      NULL };
	/* It was named by whoever started this: root's is no other user's. */
	const bool own_state = !config->system || config->who.uid == 0;
	const char *const options[][2] = {
		{ "--helper-fd", "3" },
		{ "--runtime-dir", config->runtime_dir },
		{ "--state-dir", own_state ? config->state_dir : NULL },
		{ "--idle-timeout", config->idle_timeout },
	};
	char *argv[2 + 2 * 4] = { (char *)"creeld" };
	int argc = 1;
	int keep[] = { CONTROLLER_FD };

	/* dup2() onto itself would leave it close-on-exec. */
	if (fd == CONTROLLER_FD)
		fd = dup(fd);
	if (fd < 0 || dup2(fd, CONTROLLER_FD) < 0)
		_exit(CREEL_EXIT_PRIVILEGE);
	hlp_close_others(keep, 1);
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		for (int j = 0; options[i][1] && j < 2; j++)
			argv[argc++] = (char *)options[i][j];
	hlp_stage_controller(&config->who, config->system);
	hlp_die_with_parent(parent);
	execve(config->creeld, argv, env);
	hlp_log(HLP_LOG_ERR, "controller: cannot be executed: %s",
		err_sys_text(errno));
	_exit(CREEL_EXIT_CONFIG);
}

static pid_t start_controller(const struct hlp_user_config *config, int user_fd,
			      struct hlp_relay *relay)
{
	struct err err = ERR_INIT;
	pid_t parent = getpid();
	int voice[2] = { -1, -1 };
	auto_fd voice_fd = -1;
	auto_fd fd = -1;
	pid_t pid;

	if (config->system && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC,
					 0, voice) < 0)
		return -1;
	relay->fd = voice[0];
	voice_fd = voice[1];
	pid = hlp_fork_with_socket(NULL, &fd);
	if (pid == 0) {
		set_output(voice_fd);
		become_controller(config, fd, parent);
	}
	/* Fails only where the dispatcher is gone, which is noticed next. */
	if (pid > 0)
		(void)wire_send(user_fd, "c", 1, &fd, 1, &err);
	return pid;
}

/* A crash is told; what is the process's own to tell it has told. */
static void log_death(const char *who, pid_t pid, int status)
{
	if (WIFSIGNALED(status))
		hlp_log(HLP_LOG_ERR, "%s[%d]: died of signal %d", who, (int)pid,
			WTERMSIG(status));
}

/*
 * A controller that closed its socket but lives on is of no use to anybody.
 * Return: whether it failed on its own. To be killed is no failure.
 */
static bool end_controller(pid_t pid)
{
	int status = 0;

	if (pid <= 0)
		return false;
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, &status, 0);
	log_death("controller", pid, status);
	return WIFSIGNALED(status) ? WTERMSIG(status) != SIGKILL : status != 0;
}

/* Return: whether the dispatcher wishes for a controller; it may hang up. */
static bool await_wish(int user_fd, struct hlp_relay *relay)
{
	char byte;

	for (;;) {
		struct pollfd fds[] = {
			{ .fd = user_fd, .events = POLLIN },
			{ .fd = relay->fd, .events = POLLIN },
		};

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return false;
		if (fds[1].revents)
			hlp_relay_lines(relay);
		if (fds[0].revents)
			return recv(user_fd, &byte, 1, 0) == 1;
	}
}

/* Serves the dispatcher's wishes for controllers until it hangs up. */
static pid_t serve(const struct hlp_user_config *config, int user_fd,
		   struct hlp_relay *relay)
{
	struct pollfd pfd = { .fd = user_fd, .events = 0 };
	unsigned int failures = 0;
	int64_t started = 0;
	pid_t pid = 0;

	while (await_wish(user_fd, relay)) {
		/* One that said farewell may take a moment to end. */
		(void)poll(&pfd, 1, pid > 0 ? FAREWELL_STEP_MS : 0);
		if (!end_controller(pid) || hlp_now_ms() - started >= QUICK_MS)
			failures = 0;
		else if (++failures == MAX_QUICK)
			break;
		/* Only a hang-up ends the pause before its time. */
		if (failures && poll(&pfd, 1, BACKOFF_MS << failures) > 0)
			return 0;
		started = hlp_now_ms();
		hlp_relay_end(relay);
		pid = start_controller(config, user_fd, relay);
	}
	if (failures == MAX_QUICK) {
		hlp_log(HLP_LOG_ERR, "controller: fails again and again");
		return 0;
	}
	return pid;
}

/* The controller sees the end of its socket and may still tell its clients. */
static void await_controller(pid_t pid)
{
	for (int ms = 0; pid > 0 && ms < FAREWELL_MS; ms += FAREWELL_STEP_MS) {
		if (waitpid(pid, NULL, WNOHANG) != 0)
			return;
		(void)poll(NULL, 0, FAREWELL_STEP_MS);
	}
	(void)end_controller(pid);
}

/**
 * hlp_user_failed() - tell the listener why a user's helper cannot start
 *
 * It tells his clients, and the log once: that it is so may be seen often.
 * Return: the exit status that goes with it.
 */
int hlp_user_failed(const struct hlp_user_config *config, const char *why)
{
	/* A listener that is gone has no clients who ask. */
	(void)send(config->link_fd, why, strlen(why),
		   MSG_DONTWAIT | MSG_NOSIGNAL);
	return CREEL_EXIT_CONFIG;
}

/**
 * hlp_user_run() - be a user's helper
 * @config: its link_fd is this function's
 *
 * Return: the process's exit status: the dispatcher's.
 */
int hlp_user_run(const struct hlp_user_config *config)
{
	struct hlp_user_config mine = *config;
	struct hlp_relay relay = { .fd = -1, .uid = mine.who.uid };
	struct hlp_cgroup_tree tree;
	struct err err = ERR_INIT;
	int spawner_fd = -1;
	int user_fd = -1;
	pid_t spawner, dispatcher = -1, controller;
	int status = 0;

	(void)prctl(PR_SET_NAME, "creel-user");
	if (hlp_cgroup_user(config->tree, mine.system ? mine.policy : NULL,
			    mine.who.uid, &tree, &err) < 0)
		return hlp_user_failed(&mine, err.text);
	fd_close(&tree.enter_fd);
	mine.tree = &tree;
	spawner = hlp_user_fork_spawner(&mine, &spawner_fd);
	hlp_stage_user(mine.system);
	if (spawner > 0)
		dispatcher = fork_dispatcher(&mine, spawner_fd, &user_fd);
	if (dispatcher < 0)
		return hlp_user_failed(&mine, "it has no room for processes");
	fd_close(&spawner_fd);
	fd_close(&mine.link_fd);
	controller = serve(&mine, user_fd, &relay);
	fd_close(&user_fd);
	(void)waitpid(dispatcher, &status, 0);
	log_death("dispatcher", dispatcher, status);
	if (WIFEXITED(status) && WEXITSTATUS(status) == CREEL_EXIT_VIOLATION)
		(void)end_controller(controller);
	else
		await_controller(controller);
	hlp_relay_end(&relay);
	(void)waitpid(spawner, NULL, 0);
	/* A spawner that was killed has not; its sandboxes are dead by now. */
	hlp_cgroup_sweep(tree.fd, mine.lease_fd);
	return WIFEXITED(status) ? WEXITSTATUS(status) : CREEL_EXIT_KERNEL;
}
