// SPDX-License-Identifier: Apache-2.0
/*
 * What systemd calls socket activation, notification, watchdog and descriptor
 * store, of sd_listen_fds(3) and sd_notify(3), without its library. Whoever
 * starts the program writes the environment, so it is trusted as arguments are.
 */
#include <config.h>

#include "helper/service.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "helper/log.h"
#include "proto/cleanup.h"
#include "proto/wire.h"

#define TEXT_BYTES 128

/* 0 where it is not there or no number. */
static uint64_t number(const char *name)
{
	const char *text = getenv(name);
	char *end;
	uint64_t value = text ? strtoull(text, &end, 10) : 0;

	return text && *text && !*end ? value : 0;
}

/* A variable that a child of whom it was meant for inherited is not for it. */
static bool is_mine(const char *name)
{
	return number(name) == (uint64_t)getpid();
}

/**
 * hlp_service_user() - whose link has the name, -1 nobody's
 *
 * Half a number is no user's.
 */
uid_t hlp_service_user(const char *name)
{
	char *end;
	uint64_t uid;

	if (!name || strncmp(name, "u-", 2) != 0 || name[2] < '0' ||
	    name[2] > '9')
		return (uid_t)-1;
	uid = strtoull(name + 2, &end, 10);
	return *end || uid >= UINT32_MAX ? (uid_t)-1 : (uid_t)uid;
}

static int open_notify(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	size_t len = path ? strlen(path) : 0;
	auto_fd fd = -1;

	if (len < 2 || len >= sizeof(addr.sun_path))
		return -1;
	memcpy(addr.sun_path, path, len);
	if (path[0] == '@')
		addr.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (connect(fd, (struct sockaddr *)&addr,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) <
	    0)
		return -1;
	return fd_take(&fd);
}

/**
 * hlp_service_read() - what the environment says; before it is cleared
 *
 * Links to users' helpers are named u-UID, by an earlier process of this
 * program; what has another name is what the manager itself listens on.
 */
void hlp_service_read(struct hlp_service *service)
{
	char *names = getenv("LISTEN_FDNAMES");

	*service = (struct hlp_service){ .notify_fd = open_notify(),
					 .watch_ms = -1 };
	if (service->notify_fd >= 0)
		hlp_log_levels();
	if (is_mine("WATCHDOG_PID") && number("WATCHDOG_USEC"))
		service->watch_ms = (int64_t)(number("WATCHDOG_USEC") / 2000);
	if (is_mine("LISTEN_PID"))
		service->n_fds = number("LISTEN_FDS");
	if (service->n_fds > HLP_SERVICE_MAX_FDS)
		service->n_fds = HLP_SERVICE_MAX_FDS;
	for (size_t i = 0; i < service->n_fds; i++) {
		service->fd[i] = HLP_SERVICE_FIRST_FD + (int)i;
		service->user[i] = hlp_service_user(strsep(&names, ":"));
	}
}

/**
 * hlp_service_tell() - say something, see sd_notify(3)
 * @fd:  to go with it, -1 none; still the caller's
 * @fmt: constant
 */
void hlp_service_tell(const struct hlp_service *service, int fd,
		      const char *fmt, ...)
{
	char text[TEXT_BYTES];
	struct err err = ERR_INIT;
	va_list args;

	if (service->notify_fd < 0)
		return;
	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (wire_send(service->notify_fd, text, strlen(text), &fd, fd >= 0,
		      &err) < 0)
		hlp_log(HLP_LOG_WARN, "service manager: %s", err.text);
}
