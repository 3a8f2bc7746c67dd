// SPDX-License-Identifier: Apache-2.0
/*
 * Turning a client away. What it has sent goes with its connection, and may be
 * descriptors: the last one to have a file may wait for it as long as who made
 * it likes (a page that his own file system never takes, see fuse(4)), and no
 * signal ends that. So it is never the listener that lets go last.
 */
#include <config.h>

#include "helper/refuse.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include "helper/log.h"
#include "helper/stage.h"
#include "helper/user.h"
#include "proto/cleanup.h"
#include "proto/control.pb-c.h"
#include "proto/exit-codes.h"
#include "proto/wire.h"

#define MAX_CHILDREN 256

static unsigned int n_children;

/* In a child, which may hang for ever. */
static __attribute__((noreturn)) void let_go(int client_fd, int parent_fd)
{
	int keep[] = { client_fd, parent_fd };
	char byte;

	(void)prctl(PR_SET_NAME, "creel-refuse");
	hlp_close_others(keep, 2);
	/* Until the listener has closed its own. */
	(void)recv(parent_fd, &byte, 1, 0);
	/*
	 * What is left unread at the end makes the client's next call fail
	 * with ECONNRESET in place of the answer: thrown away, not looked at.
	 */
	while (recv(client_fd, NULL, 0, MSG_DONTWAIT | MSG_TRUNC) > 0)
		;
	_exit(CREEL_EXIT_STOPPED);
}

/**
 * hlp_refuse_ended() - a child that is no user's helper was waited for
 */
void hlp_refuse_ended(void)
{
	n_children -= n_children > 0;
}

/**
 * hlp_refuse() - one answer, then the end: a request may have been sent already
 * @client_fd: closed; where there are too many whom to let go of takes for
 *             ever, forgotten and never closed
 */
void hlp_refuse(int *client_fd, enum err_code code, const char *why)
{
	static const char hint[] =
		"`creel doctor' looks for what is missing; after half a minute at most the helper is started again";
	Ctl__Error error = CTL__ERROR__INIT;
	Ctl__Reply reply = CTL__REPLY__INIT;
	struct err err = ERR_INIT;
	auto_fd child_fd = -1;
	pid_t pid = -1;

	error.code = (uint32_t)code;
	error.status = CREEL_EXIT_FAILED;
	error.text = (char *)why;
	if (code == ERR_KERNEL)
		error.hint = (char *)hint;
	reply.re_case = CTL__REPLY__RE_ERROR;
	reply.error = &error;
	/* Who is gone already misses nothing. */
	(void)wire_send_msg(*client_fd, &reply.base, WIRE_HELPER_MAX_BYTES,
			    NULL, 0, &err);
	/* Nothing comes after this; the client sees the end, closed or not. */
	(void)shutdown(*client_fd, SHUT_RDWR);
	if (n_children < MAX_CHILDREN)
		pid = hlp_fork_with_socket(NULL, &child_fd);
	if (pid == 0)
		let_go(*client_fd, child_fd);
	if (pid < 0) {
		*client_fd = -1;
		return;
	}
	if (++n_children == MAX_CHILDREN)
		hlp_log(HLP_LOG_ERR, "%d clients were refused and hang on",
			MAX_CHILDREN);
	fd_close(client_fd);
}
