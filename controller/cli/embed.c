// SPDX-License-Identifier: Apache-2.0
/*
 * --no-daemon: this process is the controller and its only client, and the
 * helper is its child.
 */
#include <config.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "controller/cli/connect.h"
#include "controller/cli/paths.h"
#include "controller/cli/session.h"
#include "controller/core/ctl.h"
#include "proto/cleanup.h"

#define CONTROL_FD 3
#define STOP_TIMEOUT_MS 5000

static int socket_pair(int *ours, int *theirs, struct err *err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return err_set(err, ERR_KERNEL, errno, "socketpair");
	*ours = pair[0];
	*theirs = pair[1];
	return 0;
}

/*
 * The helper gets the control socket and standard error.  A session of its
 * own: Ctrl-C is for the command.
 */
static int spawn_helper(const char *path, int control_fd, pid_t *pid,
			struct err *err)
{
	char *const argv[] = { (char *)path, (char *)"--embedded",
			       (char *)"--control-fd", (char *)"3", NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t all;
	sigset_t none;
	int ret;

	sigfillset(&all);
	sigemptyset(&none);
	(void)posix_spawn_file_actions_init(&files);
	(void)posix_spawnattr_init(&attr);
	(void)posix_spawnattr_setsigdefault(&attr, &all);
	(void)posix_spawnattr_setsigmask(&attr, &none);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID |
						      POSIX_SPAWN_SETSIGDEF |
						      POSIX_SPAWN_SETSIGMASK);
	ret = posix_spawn_file_actions_adddup2(&files, control_fd, CONTROL_FD);
	if (!ret)
		ret = posix_spawn_file_actions_addopen(&files, 0, "/dev/null",
						       O_RDWR, 0);
	if (!ret)
		ret = posix_spawn_file_actions_adddup2(&files, 0, 1);
	if (!ret)
		ret = posix_spawn_file_actions_addclosefrom_np(&files,
							       CONTROL_FD + 1);
	if (!ret)
		ret = posix_spawn(pid, path, &files, &attr, argv,
				  cli_helper_env());
	(void)posix_spawn_file_actions_destroy(&files);
	(void)posix_spawnattr_destroy(&attr);
	if (ret)
		return err_set(err, ERR_KERNEL, ret, "creel-helper");
	return 0;
}

/**
 * embed_start() - start a helper and become its controller
 * @embed: filled; embed_stop() is due on failure too
 * @sock:  the client's end of a connection to ourselves
 */
int embed_start(struct embed *embed, struct event_base *base, int *sock,
		struct err *err)
{
	struct ctl_options options = { .idle_timeout_sec = 0 };
	auto_free char *path = malloc(CLI_PATH_MAX);
	auto_fd helper_fd = -1;
	auto_fd control_fd = -1;
	auto_fd ours = -1;
	int theirs = -1;

	if (!path)
		return err_set(err, ERR_KERNEL, ENOMEM, "creel-helper");
	if (cli_path_program("creel-helper", "../helper/creel-helper", path,
			     err) ||
	    socket_pair(&helper_fd, &control_fd, err) ||
	    spawn_helper(path, control_fd, &embed->helper, err))
		return -1;
	if (fcntl(helper_fd, F_SETFL, O_NONBLOCK))
		return err_set(err, ERR_KERNEL, errno, "creel-helper");
	embed->ctl = ctl_new(base, helper_fd, &options, err);
	if (!embed->ctl)
		return -1;
	(void)fd_take(&helper_fd);
	if (socket_pair(&ours, &theirs, err) ||
	    ctl_add_client(embed->ctl, theirs, err))
		return -1;
	*sock = fd_take(&ours);
	return 0;
}

/**
 * embed_stop() - end the helper and wait until everything is gone; idempotent
 *
 * The control socket's end is its order to clean up. One that hangs is killed:
 * the kernel then ends its sandboxes.
 */
void embed_stop(struct embed *embed)
{
	auto_fd pidfd = -1;
	struct pollfd pfd = { .events = POLLIN };

	if (embed->ctl)
		ctl_free(embed->ctl);
	embed->ctl = NULL;
	if (!embed->helper)
		return;
	pidfd = (int)syscall(SYS_pidfd_open, embed->helper, 0);
	pfd.fd = pidfd;
	if (pidfd >= 0 && poll(&pfd, 1, STOP_TIMEOUT_MS) == 0)
		(void)kill(embed->helper, SIGKILL);
	(void)waitpid(embed->helper, NULL, 0);
	embed->helper = 0;
}
