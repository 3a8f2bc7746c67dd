// SPDX-License-Identifier: Apache-2.0
/*
 * creel-helper(8): arguments, what must be read and claimed with full
 * privileges, and then one of two lives.
 */
#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "helper/cgroup.h"
#include "helper/dispatch.h"
#include "helper/knockout.h"
#include "helper/listener.h"
#include "helper/log.h"
#include "helper/policy.h"
#include "helper/service.h"
#include "helper/stage.h"
#include "helper/store.h"
#include "helper/user.h"
#include "proto/exit-codes.h"

#define PATH_BYTES 4096
#define POLICY_FILE CREEL_SYSCONFDIR "/creel/helper.conf"

enum {
	OPT_LISTEN = 1, OPT_EMBEDDED, OPT_SYSTEM, OPT_ROOTLESS, OPT_CONTROL_FD,
	OPT_READY_FD, OPT_RUNTIME_DIR, OPT_STATE_DIR, OPT_POLICY, OPT_POOL,
	OPT_IDLE_TIMEOUT, OPT_CGROUP, OPT_CHECK, OPT_COUNT,
};

static const struct option options[] = {
	{ "listen", no_argument, NULL, OPT_LISTEN },
	{ "embedded", no_argument, NULL, OPT_EMBEDDED },
	{ "system", no_argument, NULL, OPT_SYSTEM },
	{ "rootless", no_argument, NULL, OPT_ROOTLESS },
	{ "control-fd", required_argument, NULL, OPT_CONTROL_FD },
	{ "ready-fd", required_argument, NULL, OPT_READY_FD },
	{ "runtime-dir", required_argument, NULL, OPT_RUNTIME_DIR },
	{ "state-dir", required_argument, NULL, OPT_STATE_DIR },
	{ "policy", required_argument, NULL, OPT_POLICY },
	{ "pool", required_argument, NULL, OPT_POOL },
	{ "idle-timeout", required_argument, NULL, OPT_IDLE_TIMEOUT },
	{ "cgroup", required_argument, NULL, OPT_CGROUP },
	{ "check", no_argument, NULL, OPT_CHECK },
	{ NULL, 0, NULL, 0 },
};

static __attribute__((noreturn)) void config_error(const char *why)
{
	hlp_log(HLP_LOG_ERR, "%s", why);
	_exit(CREEL_EXIT_CONFIG);
}

static __attribute__((noreturn)) void usage(void)
{
	config_error("usage: creel-helper {--listen --runtime-dir DIR [--ready-fd N] [--state-dir DIR] [--idle-timeout SEC] [--cgroup UNIT] [--check] | --embedded --control-fd N} [--system | --rootless] [--policy FILE] [--pool N]");
}

/* -1 where the option is not there. */
static int number(const char *text, long min, long max)
{
	char *end;
	long value;

	if (!text)
		return -1;
	errno = 0;
	value = strtol(text, &end, 10);
	if (errno || *end || end == text || value < min || value > max)
		usage();
	return (int)value;
}

/* @opt: for each option its argument, "" where it takes none, else NULL. */
static void parse_options(int argc, char **argv, const char **opt)
{
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c < OPT_LISTEN || c >= OPT_COUNT)
			usage();
		opt[c] = optarg ? optarg : "";
	}
	if (optind < argc || !opt[OPT_LISTEN] == !opt[OPT_EMBEDDED] ||
	    (opt[OPT_SYSTEM] && opt[OPT_ROOTLESS]) ||
	    !opt[OPT_LISTEN] == !!opt[OPT_RUNTIME_DIR] ||
	    (opt[OPT_ROOTLESS] && opt[OPT_CGROUP]) ||
	    !opt[OPT_EMBEDDED] == !!opt[OPT_CONTROL_FD] ||
	    (opt[OPT_EMBEDDED] &&
	     (opt[OPT_READY_FD] || opt[OPT_CGROUP] || opt[OPT_CHECK])))
		usage();
	(void)number(opt[OPT_IDLE_TIMEOUT], 0, 1000000000);
}

/* Beside this program where it is installed, else in the build tree. */
static void find_creeld(char *path)
{
	static const char *const places[] = { "/creeld",
					      "/../controller/creeld" };
	char own[PATH_BYTES / 2];
	ssize_t len = readlink("/proc/self/exe", own, sizeof(own) - 1);
	char *slash;

	path[0] = '\0';
	if (len < 0)
		return;
	own[len] = '\0';
	slash = strrchr(own, '/');
	if (!slash)
		return;
	*slash = '\0';
	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(path, PATH_BYTES, "%s%s", own, places[i]);
		if (access(path, X_OK) == 0)
			return;
	}
}

/* The dispatcher is this process itself; there is no user process above it. */
static int run_embedded(const struct hlp_user_config *config, int control_fd)
{
	const struct hlp_policy *policy = config->policy;
	static struct hlp_ctx ctx;

	ctx = (struct hlp_ctx){ .policy = policy, .control_fd = control_fd,
				.link_fd = -1, .user_fd = -1, .mounts_fd = -1 };
	/* While root still: it may be put into a cgroup of its own. */
	ctx.spawner_pid = hlp_user_fork_spawner(config, &ctx.spawner_fd);
	if (config->system)
		hlp_stage_system(policy->uid, policy->gid);
	if (ctx.spawner_pid < 0)
		return CREEL_EXIT_KERNEL;
	hlp_stage_dispatcher((int[]){ control_fd, ctx.spawner_fd }, 2);
	return hlp_dispatch_run(&ctx);
}

static void read_policy(struct hlp_policy *policy, const char **opt,
			bool system)
{
	struct err err = ERR_INIT;
	int pool = number(opt[OPT_POOL], 0, HLP_POLICY_MAX_POOL);

	hlp_policy_builtin(policy, system, getuid());
	if (system &&
	    hlp_policy_read(policy,
			    opt[OPT_POLICY] ? opt[OPT_POLICY] : POLICY_FILE,
			    &err) < 0)
		config_error(err.text);
	if (opt[OPT_EMBEDDED])
		policy->pool = 0;
	if (pool >= 0)
		policy->pool = (uint32_t)pool;
}

/* What was handed over by whoever started the program, and nothing else. */
static void keep_given(const struct hlp_service *service, int control_fd,
		       int ready_fd)
{
	int keep[HLP_SERVICE_MAX_FDS + 3] = { control_fd, ready_fd,
					      service->notify_fd };

	for (size_t i = 0; i < service->n_fds; i++)
		keep[3 + i] = service->fd[i];
	hlp_stage_start(keep, 3 + service->n_fds);
}

static void claim_cgroup(const struct hlp_policy *policy, const char **opt,
			 bool system, struct hlp_cgroup_tree *tree)
{
	const struct hlp_cgroup_claim claim = {
		.system = system,
		.enter = !opt[OPT_EMBEDDED],
		.owner = system ? policy->uid : getuid(),
		.group = system ? policy->gid : getgid(),
		.beside = opt[OPT_CGROUP],
	};

	if (hlp_cgroup_claim(&claim, tree) < 0 && claim.beside)
		config_error(tree->why);
}

int main(int argc, char **argv)
{
	static struct hlp_service service;
	static struct hlp_policy policy;
	static struct hlp_cgroup_tree tree;
	static char creeld[PATH_BYTES];
	const char *opt[OPT_COUNT] = { NULL };
	struct hlp_user_config config = {
		.policy = &policy,
		.tree = &tree,
		.creeld = creeld,
		.who = { .uid = getuid(), .gid = getgid() },
		.lease_fd = -1,
		.link_fd = -1,
	};
	struct err err = ERR_INIT;
	int control_fd, ready_fd;

	parse_options(argc, argv, opt);
	control_fd = number(opt[OPT_CONTROL_FD], 3, 65535);
	ready_fd = number(opt[OPT_READY_FD], 3, 65535);
	hlp_knockout_read();
	/* A client's own service is not this program's. */
	if (opt[OPT_LISTEN] && !opt[OPT_READY_FD])
		hlp_service_read(&service);
	else
		service.notify_fd = -1;
	keep_given(&service, control_fd, ready_fd);
	config.system = opt[OPT_SYSTEM] ||
			(!opt[OPT_ROOTLESS] && geteuid() == 0);
	if (config.system && geteuid() != 0)
		config_error("system mode needs root");
	read_policy(&policy, opt, config.system);
	if (opt[OPT_CHECK])
		_exit(CREEL_EXIT_STOPPED);
	if (config.system &&
	    (config.lease_fd = hlp_lease_open(&policy, &err)) < 0)
		config_error(err.text);
	claim_cgroup(&policy, opt, config.system, &tree);
	/* The filter knows no call that exit(3) could make for a library. */
	if (opt[OPT_EMBEDDED])
		_exit(run_embedded(&config, control_fd));
	find_creeld(creeld);
	config.runtime_dir = opt[OPT_RUNTIME_DIR];
	config.state_dir = opt[OPT_STATE_DIR];
	config.idle_timeout = opt[OPT_IDLE_TIMEOUT];
	if (config.system && !opt[OPT_READY_FD] && service.notify_fd < 0)
		hlp_store_run(&service, argv);
	return hlp_listener_run(&config, &service, ready_fd);
}
