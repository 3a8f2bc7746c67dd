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
#include "helper/stage.h"
#include "helper/user.h"
#include "proto/exit-codes.h"

#define PATH_BYTES 4096
#define POLICY_FILE CREEL_SYSCONFDIR "/creel/helper.conf"

struct options {
	bool listen;
	bool embedded;
	bool system;
	bool rootless;
	int control_fd;
	int ready_fd;
	int pool; /* -1: the policy's */
	const char *runtime_dir;
	const char *policy;
	const char *idle_timeout;
};

static __attribute__((noreturn)) void usage(void)
{
	static const char text[] =
		"usage: creel-helper --listen [--system | --rootless] --runtime-dir DIR\n"
		"           [--policy FILE] [--ready-fd N] [--idle-timeout SEC] [--pool N]\n"
		"       creel-helper --embedded --control-fd N [--system | --rootless]\n"
		"           [--policy FILE] [--pool N]\n";

	/* Where nobody reads it the exit status must do. */
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(CREEL_EXIT_CONFIG);
	_exit(CREEL_EXIT_CONFIG);
}

static int number(const char *text, long max)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno || *end || end == text || value < 0 || value > max)
		usage();
	return (int)value;
}

static void parse_options(int argc, char **argv, struct options *opt)
{
	static const struct option longs[] = {
		{ "listen", no_argument, NULL, 'l' },
		{ "embedded", no_argument, NULL, 'e' },
		{ "system", no_argument, NULL, 's' },
		{ "rootless", no_argument, NULL, 'r' },
		{ "control-fd", required_argument, NULL, 'c' },
		{ "ready-fd", required_argument, NULL, 'n' },
		{ "pool", required_argument, NULL, 'P' },
		{ "runtime-dir", required_argument, NULL, 'd' },
		{ "policy", required_argument, NULL, 'p' },
		{ "idle-timeout", required_argument, NULL, 'i' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	opterr = 0;
	*opt = (struct options){ .control_fd = -1, .ready_fd = -1, .pool = -1 };
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'l': opt->listen = true; break;
		case 'e': opt->embedded = true; break;
		case 's': opt->system = true; break;
		case 'r': opt->rootless = true; break;
		case 'c': opt->control_fd = number(optarg, 65535); break;
		case 'n': opt->ready_fd = number(optarg, 65535); break;
		case 'P': opt->pool = number(optarg, HLP_POLICY_MAX_POOL); break;
		case 'd': opt->runtime_dir = optarg; break;
		case 'p': opt->policy = optarg; break;
		case 'i':
			(void)number(optarg, 1000000000);
			opt->idle_timeout = optarg;
			break;
		default: usage();
		}
	}
	if (optind < argc || opt->listen == opt->embedded ||
	    (opt->system && opt->rootless) ||
	    (opt->listen && (!opt->runtime_dir || opt->control_fd >= 0)) ||
	    (opt->embedded && (opt->control_fd < 3 || opt->ready_fd >= 0)) ||
	    (opt->ready_fd >= 0 && opt->ready_fd < 3))
		usage();
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

static __attribute__((noreturn)) void config_error(const struct err *err)
{
	hlp_log(HLP_LOG_ERR, "%s", err->text);
	_exit(CREEL_EXIT_CONFIG);
}

/* The dispatcher is this process itself; there is no user process above it. */
static int run_embedded(const struct options *opt,
			const struct hlp_policy *policy,
			const struct hlp_cgroup_tree *tree, int lease_fd)
{
	struct hlp_user_config config = {
		.system = opt->system,
		.policy = policy,
		.tree = tree,
		.who = { .uid = getuid(), .gid = getgid() },
		.lease_fd = lease_fd,
		.link_fd = -1,
	};
	struct hlp_dispatch_config dispatch = {
		.policy = policy,
		.control_fd = opt->control_fd,
		.link_fd = -1,
		.user_fd = -1,
	};

	if (opt->system)
		hlp_stage_system(policy->uid, policy->gid);
	dispatch.spawner_pid = hlp_user_fork_spawner(
		&config, 0, policy->n_blocks, &dispatch.spawner_fd);
	if (dispatch.spawner_pid < 0)
		return CREEL_EXIT_KERNEL;
	hlp_stage_dispatcher((int[]){ dispatch.control_fd, dispatch.spawner_fd },
			     2);
	return hlp_dispatch_run(&dispatch);
}

int main(int argc, char **argv)
{
	static struct hlp_policy policy;
	static struct hlp_cgroup_tree tree;
	static char creeld[PATH_BYTES];
	struct options opt;
	struct err err = ERR_INIT;
	int lease_fd = -1;

	parse_options(argc, argv, &opt);
	hlp_knockout_read();
	hlp_stage_start((int[]){ opt.control_fd, opt.ready_fd }, 2);
	if (!opt.system && !opt.rootless)
		opt.system = geteuid() == 0;
	if (opt.system && geteuid() != 0) {
		err_set(&err, ERR_DENIED, 0, "system mode needs root");
		config_error(&err);
	}
	hlp_policy_builtin(&policy, opt.system, getuid());
	if (opt.system &&
	    hlp_policy_read(&policy, opt.policy ? opt.policy : POLICY_FILE,
			    &err) < 0)
		config_error(&err);
	if (opt.embedded)
		policy.pool = 0;
	if (opt.pool >= 0)
		policy.pool = (uint32_t)opt.pool;
	if (opt.system && (lease_fd = hlp_lease_dir(&policy, &err)) < 0)
		config_error(&err);
	(void)hlp_cgroup_claim(opt.system, opt.system ? policy.uid : getuid(),
			       opt.system ? policy.gid : getgid(), &tree);
	if (opt.embedded) {
		if (opt.system)
			lease_fd = hlp_lease_open(lease_fd, &policy);
		return run_embedded(&opt, &policy, &tree, lease_fd);
	}
	find_creeld(creeld);
	return hlp_listener_run(&(struct hlp_listener_config){
		.system = opt.system,
		.policy = &policy,
		.tree = &tree,
		.runtime_dir = opt.runtime_dir,
		.creeld = creeld,
		.idle_timeout = opt.idle_timeout,
		.lease_dir_fd = lease_fd,
		.ready_fd = opt.ready_fd,
	});
}
