// SPDX-License-Identifier: Apache-2.0
/*
 * Who a client is, as far as the kernel says: for the audit log.  Of the same
 * user in any case, so that its name is no more than a help.
 */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "controller/core/core.h"
#include "proto/cleanup.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

static bool read_comm(pid_t pid, char *comm, size_t size)
{
	char path[32];
	auto_fd fd = -1;
	ssize_t got;

	(void)snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	got = read(fd, comm, size - 1);
	if (got < 1)
		return false;
	comm[got] = '\0';
	comm[strcspn(comm, "\n")] = '\0';
	ctl_text_clean(comm);
	return true;
}

/* False where the process has ended, so that the number may be another's. */
static bool is_same(int sock)
{
	auto_fd fd = -1;
	int got = -1;
	socklen_t len = sizeof(got);

	/* ENOPROTOOPT before Linux 6.5: nothing tells. */
	if (getsockopt(sock, SOL_SOCKET, SO_PEERPIDFD, &got, &len) < 0)
		return errno == ENOPROTOOPT;
	fd = got;
	return syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0) == 0;
}

/**
 * ctl_client_peer() - "pid N (comm)"
 *
 * Asked for once a connection. Return: borrowed from the client.
 */
const char *ctl_client_peer(struct ctl_client *client)
{
	struct ucred cred = { .pid = 0 };
	socklen_t len = sizeof(cred);
	char comm[20] = "";

	if (client->peer[0])
		return client->peer;
	if (getsockopt(client->conn.fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) <
		    0 ||
	    cred.pid <= 0)
		(void)snprintf(client->peer, sizeof(client->peer), "unknown");
	else if (read_comm(cred.pid, comm, sizeof(comm)) &&
		 is_same(client->conn.fd))
		(void)snprintf(client->peer, sizeof(client->peer),
			       "pid %d (%s)", (int)cred.pid, comm);
	else
		(void)snprintf(client->peer, sizeof(client->peer), "pid %d",
			       (int)cred.pid);
	return client->peer;
}
