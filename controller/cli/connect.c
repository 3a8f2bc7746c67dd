// SPDX-License-Identifier: Apache-2.0
/*
 * Chooses the socket and connects to it; starts the helper where nobody
 * listens and the caller may.
 */
#include <config.h>

#include "controller/cli/connect.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "controller/cli/paths.h"
#include "controller/cli/report.h"
#include "proto/cleanup.h"

#define SOCKET_NAME "creel.sock"

/**
 * cli_target_choose() - which helper a command line means
 *
 * The system's where it is there and admits the caller, else the caller's own;
 * root has no other than the system's, unless it is asked for.
 */
void cli_target_choose(const struct cli_args *args, struct cli_target *target)
{
	const char *given = getenv("CREEL_RUNTIME_DIR");
	struct stat st;

	*target = (struct cli_target){ .helper = CLI_HELPER_SYSTEM };
	if (args->has[CLI_OPT_SYSTEM] || args->has[CLI_OPT_ROOTLESS]) {
		target->forced = true;
		if (args->has[CLI_OPT_ROOTLESS])
			target->helper = CLI_HELPER_ROOTLESS;
		return;
	}
	if (geteuid() == 0) {
		target->forced = true;
		return;
	}
	if (!given || !*given)
		return;
	/* One directory for both: whoever owns it says which it is. */
	target->forced = true;
	if (stat(given, &st) || st.st_uid == geteuid())
		target->helper = CLI_HELPER_ROOTLESS;
}

/**
 * cli_target_fall_back() - go on with the caller's own helper
 *
 * Return: false where there is no other to try.
 */
bool cli_target_fall_back(struct cli_target *target)
{
	if (target->forced || target->helper != CLI_HELPER_SYSTEM)
		return false;
	target->helper = CLI_HELPER_ROOTLESS;
	return true;
}

static int try_connect(int dir_fd, bool system, struct err *err)
{
	auto_fd fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(peer);

	if (fd < 0)
		return err_set(err, ERR_KERNEL, errno, "socket");
	/* By descriptor: the directory that was checked, however long its name. */
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path),
		       "/proc/self/fd/%d/" SOCKET_NAME, dir_fd);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return err_set(err, ERR_KERNEL, errno, "connect");
	if (!system &&
	    (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) ||
	     peer.uid != geteuid()))
		return err_set(err, ERR_DENIED, 0,
			       "the socket belongs to another user");
	return fd_take(&fd);
}

/* Nobody listens: the socket is missing, or left over from one that died. */
static bool nobody_there(const struct err *err)
{
	return err->sys == ENOENT || err->sys == ECONNREFUSED;
}

static int connect_or_start(const char *dir, bool system, bool start,
			    struct err *err)
{
	auto_fd dir_fd = cli_runtime_open(dir, system, start, err);
	auto_fd lock = -1;
	int fd;

	if (dir_fd < 0)
		return -1;
	fd = try_connect(dir_fd, system, err);
	if (fd >= 0 || !start || !nobody_there(err))
		return fd;
	/* One starter at a time; whoever waited finds the helper there. */
	lock = openat(dir_fd, "lock",
		      O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (lock < 0 || flock(lock, LOCK_EX))
		return err_set(err, ERR_KERNEL, errno, "%.100s/lock", dir);
	fd = try_connect(dir_fd, system, err);
	if (fd >= 0 || !nobody_there(err))
		return fd;
	if (cli_start_listener(dir, dir_fd, system, err))
		return -1;
	return try_connect(dir_fd, system, err);
}

/**
 * cli_connect() - connect to the helper's socket
 * @target: from cli_target_choose(); changed where another helper is tried
 *
 * Return: a connected socket, or -1.
 */
int cli_connect(struct cli_target *target, struct err *err)
{
	auto_free char *dir = malloc(CLI_PATH_MAX);
	bool system = target->helper == CLI_HELPER_SYSTEM;
	int fd;

	if (!dir)
		return err_set(err, ERR_KERNEL, ENOMEM, "runtime directory");
	if (cli_path_runtime(system, dir, err))
		return -1;
	fd = connect_or_start(dir, system, !system || geteuid() == 0, err);
	if (fd >= 0)
		return fd;
	if (cli_target_fall_back(target))
		return cli_connect(target, err);
	return err_wrap(err, system ? "system helper" : "helper");
}

/**
 * cli_connect_live() - connect to a helper that listens, or not at all
 *
 * Return: a connected socket, or -1.
 */
int cli_connect_live(const char *dir, bool system, struct err *err)
{
	auto_fd dir_fd = cli_runtime_open(dir, system, false, err);

	return dir_fd < 0 ? -1 : try_connect(dir_fd, system, err);
}

/**
 * cli_connect_hint() - what to do about a failure of cli_connect()
 */
void cli_connect_hint(const struct err *err)
{
	bool system = !strncmp(err->text, "system helper", 13);

	if (err->code == ERR_DENIED && !system)
		cli_hint("set CREEL_RUNTIME_DIR to a directory of mode 0700 of your own");
	else if (system && nobody_there(err) && geteuid() != 0)
		cli_hint("start the creel service as root, or leave out --system");
	else
		cli_hint("`creel doctor' looks for what is missing");
}
