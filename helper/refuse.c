// SPDX-License-Identifier: Apache-2.0
/*
 * Turning a client away. What it has sent goes with its connection, and may be
 * descriptors: the last one to have a file may wait for it as long as who made
 * it likes (a page that his own file system never takes, see fuse(4)), and no
 * signal ends that. So it is never the listener that lets go last, but a
 * process that may hang for ever. A user has few of them; what he leaves behind
 * beyond these waits in one more, until another of his has ended. Who is not
 * admitted may have many ids, see subuid(5): all of these have few in common.
 */
#include <config.h>

#include "helper/refuse.h"

#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "helper/log.h"
#include "helper/stage.h"
#include "helper/user.h"
#include "proto/cleanup.h"
#include "proto/control.pb-c.h"
#include "proto/exit-codes.h"
#include "proto/wire.h"

#define SHARE 4      /* processes of a user that let go */
#define STRANGERS 64 /* those of all who are not admitted */
#define WAIT_MS 20
#define NOBODY ((uid_t)-1) /* stands for those who are not admitted */

static struct child {
	pid_t pid;   /* 0: free */
	uid_t uid;
	int link_fd; /* owned; -1: it lets go of what it was given */
	unsigned int n_kept;
} children[(SHARE + 1) * HLP_POLICY_MAX_ALLOW + STRANGERS + 1];

#define END (children + sizeof(children) / sizeof(children[0]))

/* In a child, which may hang for ever, but not before the listener says so. */
static __attribute__((noreturn)) void let_go(int link_fd)
{
	int last = STDERR_FILENO + 1; /* the link itself is one of them */
	struct err err = ERR_INIT;
	auto_frame frame = { .n_fds = 0 };
	uint8_t byte;

	(void)prctl(PR_SET_NAME, "creel-refuse");
	hlp_close_others(&link_fd, 1);
	wire_frame_init(&frame, &byte, sizeof(byte));
	while (wire_recv(link_fd, &frame, 1, &err) == WIRE_GOT)
		last += wire_frame_take_fd(&frame, 0) >= 0;
	/*
	 * What is left unread at the end makes the client's next call fail
	 * with ECONNRESET in place of the answer: thrown away, not looked at.
	 */
	for (int fd = STDERR_FILENO + 1; fd <= last; fd++)
		while (recv(fd, NULL, 0, MSG_DONTWAIT | MSG_TRUNC) > 0)
			;
	_exit(CREEL_EXIT_STOPPED);
}

/* Whether one more process may let go of what that user has sent. */
static bool has_share(const struct hlp_policy *policy, uid_t uid)
{
	unsigned int own = 0, strangers = 0;

	for (const struct child *child = children; child < END; child++) {
		if (child->pid == 0 || child->link_fd >= 0)
			continue;
		own += child->uid == uid;
		strangers += !hlp_policy_admits(policy, child->uid);
	}
	return own < SHARE &&
	       (strangers < STRANGERS || hlp_policy_admits(policy, uid));
}

static struct child *find(uid_t uid)
{
	for (struct child *child = children; child < END; child++)
		if (child->pid > 0 && child->link_fd >= 0 && child->uid == uid)
			return child;
	return NULL;
}

static struct child *start(uid_t uid)
{
	struct child *child = children;
	int link_fd = -1;
	pid_t pid;

	while (child < END && child->pid > 0)
		child++;
	if (child == END)
		return NULL;
	pid = hlp_fork_with_socket(NULL, &link_fd);
	if (pid == 0)
		let_go(link_fd);
	if (pid < 0)
		return NULL;
	(void)fcntl(link_fd, F_SETFL, O_RDWR | O_NONBLOCK);
	*child = (struct child){ .pid = pid, .uid = uid, .link_fd = link_fd };
	return child;
}

/* It lets go of what it has, and is nobody's any more. */
static void retire(struct child *child)
{
	fd_close(&child->link_fd);
	child->pid = 0;
}

/* Return: false where no process has taken it. */
static bool hand_over(const struct hlp_policy *policy, uid_t uid, int *fd)
{
	const bool share = has_share(policy, uid);
	const uid_t whose =
		share || hlp_policy_admits(policy, uid) ? uid : NOBODY;
	struct child *child = find(whose);
	struct rlimit files = { 0, 0 };
	struct err err = ERR_INIT;

	if (!child)
		child = start(whose);
	if (!child)
		return false;
	(void)poll(&(struct pollfd){ child->link_fd, POLLOUT, 0 }, 1, WAIT_MS);
	if (wire_send(child->link_fd, "f", 1, fd, 1, &err) < 0) {
		const bool again = child->n_kept > 0;

		retire(child);
		return again && hand_over(policy, uid, fd);
	}
	fd_close(fd);
	/* With too many it would lose them, before the listener has perhaps. */
	(void)getrlimit(RLIMIT_NOFILE, &files);
	if (share) {
		fd_close(&child->link_fd);
	} else if (++child->n_kept >= files.rlim_cur / 2) {
		hlp_log(HLP_LOG_ERR, "user=%u: %u refused clients hang on", uid,
			child->n_kept);
		retire(child);
	}
	return true;
}

/**
 * hlp_refuse_ended() - a child that is no user's helper was waited for
 */
void hlp_refuse_ended(const struct hlp_policy *policy, pid_t pid)
{
	for (struct child *child = children; child < END; child++)
		if (child->pid == pid)
			retire(child);
	for (struct child *child = children; child < END; child++)
		if (child->pid > 0 && child->link_fd >= 0 &&
		    has_share(policy, child->uid))
			fd_close(&child->link_fd);
}

/**
 * hlp_refuse() - one answer, then the end: a request may have been sent already
 * @uid:       who it is; (uid_t)-1 unknown
 * @client_fd: closed; where no process can be had to let go of it, forgotten
 *             and never closed
 */
void hlp_refuse(const struct hlp_policy *policy, uid_t uid, int *client_fd,
		enum err_code code, const char *why)
{
	static const char hint[] =
		"`creel doctor' looks for what is missing; after half a minute at most the helper is started again";
	Ctl__Error error = CTL__ERROR__INIT;
	Ctl__Reply reply = CTL__REPLY__INIT;
	struct err err = ERR_INIT;

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
	if (!hand_over(policy, uid, client_fd))
		*client_fd = -1;
}
