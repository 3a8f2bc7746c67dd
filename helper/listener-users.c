// SPDX-License-Identifier: Apache-2.0
/*
 * Who has a helper, and whose is to be started. One that fails at its start is
 * not started again at once: clients are told why, and the log is told once.
 */
#include <config.h>

#include "helper/listener-users.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helper/log.h"
#include "helper/refuse.h"
#include "helper/stage.h"
#include "proto/cleanup.h"
#include "proto/exit-codes.h"
#include "proto/wire.h"

#define QUICK_MS 1000 /* a helper that fails sooner has served nobody */
#define FREE_TRIES 10 /* where it does not say that it cannot start */
#define PAUSE_MS 1000 /* doubled each time */
#define MAX_PAUSE_MS 30000

/* Helpers that take clients; no signal tells of an earlier listener's. */
static uint32_t count_users(struct hlp_users *users)
{
	uint32_t n = 0;

	for (size_t i = 0; i < HLP_MAX_ENTRIES; i++) {
		struct pollfd pfd = { .fd = users->entries[i].link_fd };

		if (users->entries[i].pid == 0 && poll(&pfd, 1, 0) > 0)
			fd_close(&users->entries[i].link_fd);
		n += users->entries[i].link_fd >= 0;
	}
	return n;
}

/**
 * hlp_users_init() - nobody but those whom an earlier listener's helpers serve
 *
 * A user's helper and his sandboxes outlive the listener that forked it.
 */
void hlp_users_init(struct hlp_users *users,
		    const struct hlp_user_config *config,
		    const struct hlp_service *service)
{
	struct hlp_entry *entry = users->entries;

	*users = (struct hlp_users){ .config = config, .service = service };
	for (size_t i = 0; i < HLP_MAX_ENTRIES; i++)
		users->entries[i].link_fd = -1;
	for (size_t i = 0; i < service->n_fds && i < HLP_MAX_ENTRIES; i++)
		if (service->user[i] != (uid_t)-1)
			*entry++ = (struct hlp_entry){
				.uid = service->user[i],
				.link_fd = service->fd[i],
			};
	hlp_log(HLP_LOG_INFO, "users with a helper: %u", count_users(users));
}

/* Locks belong to the open file description: each user's helper has its own. */
static int reopen_lease(int lease_fd)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", lease_fd);
	return open(path, O_RDWR | O_CLOEXEC);
}

static __attribute__((noreturn)) void
become_user(struct hlp_user_config user)
{
	int keep[] = { user.link_fd, user.tree->fd, user.lease_fd,
		       user.tree->enter_fd };
	sigset_t none;

	hlp_close_others(keep, sizeof(keep) / sizeof(keep[0]));
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (user.system)
		user.lease_fd = reopen_lease(user.lease_fd);
	if (user.system && user.lease_fd < 0)
		_exit(hlp_user_failed(&user, "its leases cannot be opened"));
	_exit(hlp_user_run(&user));
}

/* Who is served is in the policy's list. */
static struct hlp_trouble *trouble_of(struct hlp_users *users, uid_t uid)
{
	const struct hlp_policy *policy = users->config->policy;
	uint32_t i = 0;

	while (i + 1 < policy->n_allow && policy->allow[i] != uid)
		i++;
	return &users->trouble[i];
}

static struct hlp_entry *fork_user(struct hlp_users *users,
				   const struct hlp_identity *who)
{
	struct hlp_user_config user = *users->config;
	uint32_t n_users = count_users(users);
	struct hlp_entry *entry = NULL;
	unsigned int n_ending = 0;
	pid_t parent = getpid();
	pid_t pid;

	for (size_t i = 0; i < HLP_MAX_ENTRIES; i++) {
		struct hlp_entry *one = &users->entries[i];

		n_ending += one->pid > 0 && one->uid == who->uid;
		if (one->pid == 0 && one->link_fd < 0)
			entry = one;
	}
	user.who = *who;
	/* Else those that end keep another user's from being started. */
	if (!entry || n_ending > HLP_MAX_ENDING ||
	    n_users >= user.policy->n_users)
		return NULL;
	pid = hlp_fork_with_socket(NULL, &user.link_fd);
	if (pid == 0) {
		/* System: the listener can be replaced, his sandboxes stay. */
		if (!user.system)
			hlp_die_with_parent(parent);
		become_user(user);
	}
	if (pid < 0)
		return NULL;
	/* A helper that does not take its clients must not stop this process. */
	(void)fcntl(user.link_fd, F_SETFL, O_RDWR | O_NONBLOCK);
	*entry = (struct hlp_entry){ .pid = pid, .uid = who->uid,
				     .link_fd = user.link_fd,
				     .started_ms = hlp_now_ms() };
	/* The next listener gets it, where this one does not end for good. */
	if (user.system)
		hlp_service_tell(users->service, user.link_fd,
				 "FDSTORE=1\nFDNAME=u-%u", who->uid);
	if (!trouble_of(users, who->uid)->failures)
		hlp_log(HLP_LOG_INFO, "user=%u: helper %d", who->uid, (int)pid);
	return entry;
}

/*
 * Return: 0, EAGAIN where the helper's queue is full, else it is ending.
 *
 * The last to let go of a connection lets go of what was sent as well, see
 * hlp_refuse(). So the dispatcher keeps it until it hears that it is closed
 * here; where there is no room to say so, the next client says it, too.
 */
static int pass_on(const struct hlp_entry *entry, int *client_fd)
{
	struct err err = ERR_INIT;

	if (wire_send(entry->link_fd, "f", 1, client_fd, 1, &err) < 0)
		return err.sys;
	fd_close(client_fd);
	(void)wire_send(entry->link_fd, "g", 1, NULL, 0, &err);
	return 0;
}

static void set_why(struct hlp_trouble *trouble, const char *why)
{
	trouble->logged = trouble->logged && !strcmp(trouble->why, why);
	(void)snprintf(trouble->why, sizeof(trouble->why), "%s", why);
}

/*
 * What a helper says where it cannot start; nothing else comes on the link.
 * Its user's own dispatcher could say it as well: it goes to his clients alone,
 * and to the log, which escapes it.
 */
static void close_link(struct hlp_users *users, struct hlp_entry *entry)
{
	char why[sizeof(users->trouble[0].why)];
	ssize_t got = -1;

	/* First ECONNRESET, where it ended with a client in its queue. */
	for (int i = 0; i < 2 && got < 0; i++)
		got = recv(entry->link_fd, why, sizeof(why) - 1, MSG_DONTWAIT);
	for (ssize_t i = 0; i < got; i++)
		if (why[i] < 0x20 || why[i] > 0x7e)
			why[i] = '?';
	if (got > 0) {
		why[got] = '\0';
		set_why(trouble_of(users, entry->uid), why);
	}
	fd_close(&entry->link_fd);
}

/**
 * hlp_users_serve() - hand a client to its user's helper
 * @client_fd: closed on success, still the caller's on failure
 *
 * Return: 0 or -1. KERNEL where his helpers fail as they start, LIMIT.
 */
int hlp_users_serve(struct hlp_users *users, int *client_fd,
		    const struct hlp_identity *who, struct err *err)
{
	const struct hlp_trouble *trouble = trouble_of(users, who->uid);
	struct hlp_entry *entry = users->entries;

	for (; entry < users->entries + HLP_MAX_ENTRIES; entry++) {
		int sys;

		if (entry->link_fd < 0 || entry->uid != who->uid)
			continue;
		sys = pass_on(entry, client_fd);
		if (sys == EAGAIN)
			return err_set(err, ERR_LIMIT, 0,
				       "helper: too many clients wait");
		if (sys == 0)
			return 0;
		close_link(users, entry);
	}
	if (hlp_now_ms() >= trouble->until_ms) {
		entry = fork_user(users, who);
		if (!entry)
			return err_set(err, ERR_LIMIT, 0,
				       "helper: too many users have one");
		users->served = true;
		if (pass_on(entry, client_fd) == 0)
			return 0;
		close_link(users, entry);
	}
	return err_set(err, ERR_KERNEL, 0, "helper: cannot be started: %s",
		       trouble->why[0] ? trouble->why : "it ended at once");
}

/*
 * One that cannot start says so by its status. One that ends in any other way
 * as soon as it is started may have been killed: the first tries are at once.
 * What is told of it is told again when it is something else.
 */
static void end_entry(struct hlp_users *users, struct hlp_entry *entry,
		      int status)
{
	struct hlp_trouble *trouble = trouble_of(users, entry->uid);
	const bool told = WIFEXITED(status) &&
			  WEXITSTATUS(status) == CREEL_EXIT_CONFIG;
	const bool quick = hlp_now_ms() - entry->started_ms < QUICK_MS;
	const bool failed = told || (status && quick);
	const unsigned int free_tries = told ? 0 : FREE_TRIES;
	int64_t pause = PAUSE_MS;
	char why[32];

	close_link(users, entry);
	(void)snprintf(why, sizeof(why), "%s %d",
		       WIFSIGNALED(status) ? "signal" : "status",
		       WIFSIGNALED(status) ? WTERMSIG(status) :
					     WEXITSTATUS(status));
	if (!told)
		set_why(trouble, why);
	if (!failed || !trouble->logged)
		hlp_log(status ? HLP_LOG_ERR : HLP_LOG_INFO,
			"user=%u: helper %d ended, %s", entry->uid,
			(int)entry->pid, trouble->why);
	entry->pid = 0;
	if (!failed) {
		*trouble = (struct hlp_trouble){ 0 };
		return;
	}
	trouble->logged = true;
	for (unsigned int i = free_tries; i < trouble->failures; i++)
		pause = pause < MAX_PAUSE_MS / 2 ? 2 * pause : MAX_PAUSE_MS;
	if (trouble->failures >= free_tries)
		trouble->until_ms = hlp_now_ms() + pause;
	trouble->failures++;
}

/**
 * hlp_users_reap() - take note of helpers that have ended
 */
void hlp_users_reap(struct hlp_users *users)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		size_t i = 0;

		while (i < HLP_MAX_ENTRIES && users->entries[i].pid != pid)
			i++;
		if (i < HLP_MAX_ENTRIES)
			end_entry(users, &users->entries[i], status);
		else
			hlp_refuse_ended(users->config->policy, pid);
	}
}

/**
 * hlp_users_forked() - whether a helper lives that was started here
 */
bool hlp_users_forked(const struct hlp_users *users)
{
	for (size_t i = 0; i < HLP_MAX_ENTRIES; i++)
		if (users->entries[i].pid > 0)
			return true;
	return false;
}
