// SPDX-License-Identifier: Apache-2.0
/*
 * A helper starts a creeld for whoever connects.  So it is looked for first:
 * a process of that name, of this user, with that runtime directory.
 */
#include <config.h>

#include "controller/cli/live.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "controller/cli/paths.h"
#include "proto/cleanup.h"

#define PATIENCE_MS 700 /* somebody waits with a finger on the key */
#define FILE_BYTES 8192

static ssize_t read_file(int proc_fd, const char *pid, const char *name,
			 char *bytes)
{
	char path[300];
	auto_fd fd = -1;
	ssize_t len;

	(void)snprintf(path, sizeof(path), "%s/%s", pid, name);
	fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? -1 : read(fd, bytes, FILE_BYTES - 1);
	if (len >= 0)
		bytes[len] = '\0';
	return len;
}

static bool is_mine(int proc_fd, const char *pid)
{
	char bytes[FILE_BYTES];
	const char *uid;

	if (read_file(proc_fd, pid, "status", bytes) < 0)
		return false;
	uid = strstr(bytes, "\nUid:\t");
	return uid && strtoul(uid + 6, NULL, 10) == geteuid();
}

/* creeld --helper-fd 3 --runtime-dir DIR ... */
static bool is_creeld(int proc_fd, const char *pid, const char *dir)
{
	char bytes[FILE_BYTES];
	ssize_t len = read_file(proc_fd, pid, "cmdline", bytes);
	const char *end = bytes + (len > 0 ? len : 0);
	bool wanted = false;

	if (len <= 0 || strcmp(bytes, "creeld") != 0)
		return false;
	for (const char *at = bytes; at < end; at += strlen(at) + 1) {
		if (wanted)
			return strcmp(at, dir) == 0;
		wanted = strcmp(at, "--runtime-dir") == 0;
	}
	return false;
}

static bool is_live(const char *dir)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	bool found = false;

	while (proc && !found && (entry = readdir(proc)))
		found = entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
			is_creeld(dirfd(proc), entry->d_name, dir) &&
			is_mine(dirfd(proc), entry->d_name);
	if (proc)
		(void)closedir(proc);
	return found;
}

/* -1: nobody is there. */
static int connect_one(const struct cli_target *target)
{
	const struct timeval patience = { .tv_usec = PATIENCE_MS * 1000 };
	auto_free char *dir = malloc(CLI_PATH_MAX);
	struct err err = ERR_INIT;
	bool system = target->helper == CLI_HELPER_SYSTEM;
	int fd;

	if (!dir || cli_path_runtime(system, dir, &err) || !is_live(dir))
		return -1;
	fd = cli_connect_live(dir, system, &err);
	if (fd >= 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
				 sizeof(patience));
	return fd;
}

/**
 * cli_ask_live() - ask, if there is somebody who can answer
 * @request: seq is set here
 * @take:    called for each reply
 */
void cli_ask_live(const struct cli_args *args, Ctl__Request *request,
		  cli_reply_fn *take, void *arg)
{
	struct cli_target target;
	struct err err = ERR_INIT;
	auto_frame frame;
	auto_fd sock = -1;
	const Ctl__Reply *reply;

	cli_target_choose(args, &target);
	sock = connect_one(&target);
	if (sock < 0 && cli_target_fall_back(&target))
		sock = connect_one(&target);
	cli_frame_init(&frame);
	request->seq = 1;
	if (sock < 0 || wire_send_msg(sock, &request->base,
				      WIRE_FRAME_MAX_BYTES, NULL, 0, &err))
		return;
	while (wire_recv(sock, &frame, WIRE_MAX_FDS, &err) == WIRE_GOT) {
		reply = cli_reply_unpack(&frame, &err);
		if (!reply || !take(reply, arg))
			return;
	}
}
