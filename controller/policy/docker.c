// SPDX-License-Identifier: Apache-2.0
/*
 * What a session's sandbox is made of: the values of the docker section and of
 * its neighbours, in units.
 */
#include <config.h>

#include "controller/policy/python.h"
#include "controller/policy/values.h"

#include <stdlib.h>
#include <string.h>

#define CAP(n) (1ULL << (n))

/* What Docker leaves a container: chown, dac_override, fowner, fsetid, kill,
 * setgid, setuid, setpcap, net_bind_service, net_raw, sys_chroot, mknod,
 * audit_write, setfcap. */
#define DOCKER_CAPS \
	(CAP(0) | CAP(1) | CAP(3) | CAP(4) | CAP(5) | CAP(6) | CAP(7) | \
	 CAP(8) | CAP(10) | CAP(13) | CAP(18) | CAP(27) | CAP(29) | CAP(31))
/* What no sandbox has: net_admin, sys_module, sys_ptrace, sys_admin,
 * sys_resource, mknod, perfmon, bpf. */
#define NEVER_CAPS \
	(CAP(12) | CAP(16) | CAP(19) | CAP(21) | CAP(24) | CAP(27) | CAP(38) | \
	 CAP(39))

/* Of what was checked when it was loaded, but has another type now. */
static int bad_kind(struct pol_work *work, enum pol_value value)
{
	return pol_value_bad(work, value,
			     cfg_kind_expects(pol_value_row(value)->kind));
}

static int set_tmpfs(struct pol_work *work)
{
	struct pol_session *session = work->session;
	const struct cfg_node *node = session->values[POL_TMPFS];
	struct cfg_tmpfs *list;

	if (!node || node->type != CFG_ARRAY)
		return node ? pol_value_bad(work, POL_TMPFS, "not a list") : 0;
	list = cfg_tree_alloc(session->mem, (node->count + 1) * sizeof(*list));
	if (!list)
		return pol_no_memory(work->err);
	for (const struct cfg_node *at = node->first; at; at = at->next)
		if (cfg_value_tmpfs(session->mem, at,
				    &list[session->n_tmpfs++]))
			return bad_kind(work, POL_TMPFS);
	session->tmpfs = list;
	return 0;
}

static int set_binds(struct pol_work *work)
{
	struct pol_session *session = work->session;
	const struct cfg_node *node = session->values[POL_BINDS];
	const size_t room = (node ? node->count : 0) + POL_PYTHON_BINDS;
	struct cfg_bind *list;

	if (node && node->type != CFG_ARRAY)
		return pol_value_bad(work, POL_BINDS, "not a list");
	list = cfg_tree_alloc(session->mem, room * sizeof(*list));
	if (!list)
		return pol_no_memory(work->err);
	memset(list, 0, room * sizeof(*list));
	for (const struct cfg_node *at = node ? node->first : NULL; at;
	     at = at->next)
		if (cfg_value_bind(session->mem, at, work->cfg->home,
				   &list[session->n_binds++]))
			return bad_kind(work, POL_BINDS);
	session->n_binds = pol_python_binds(work, list, session->n_binds);
	session->binds = list;
	return 0;
}

static int set_hosts(struct pol_work *work)
{
	struct pol_session *session = work->session;
	const struct cfg_node *node = session->values[POL_EXTRA_HOSTS];
	struct cfg_host *list;

	if (!node || node->type != CFG_ARRAY)
		return node ? pol_value_bad(work, POL_EXTRA_HOSTS,
					    "not a list")
			    : 0;
	list = cfg_tree_alloc(session->mem, (node->count + 1) * sizeof(*list));
	if (!list)
		return pol_no_memory(work->err);
	for (const struct cfg_node *at = node->first; at; at = at->next)
		if (cfg_value_host(session->mem, at,
				   &list[session->n_hosts++]))
			return bad_kind(work, POL_EXTRA_HOSTS);
	session->hosts = list;
	return 0;
}

static int compare_ulimits(const void *a, const void *b)
{
	const struct cfg_ulimit *left = a, *right = b;

	return strcmp(left->name, right->name);
}

static int set_ulimits(struct pol_work *work)
{
	struct pol_session *session = work->session;
	const struct cfg_node *node = session->values[POL_ULIMITS];
	struct cfg_ulimit *list;

	if (!node || node->type != CFG_OBJECT)
		return node ? pol_value_bad(work, POL_ULIMITS, "not an object")
			    : 0;
	list = cfg_tree_alloc(session->mem, (node->count + 1) * sizeof(*list));
	if (!list)
		return pol_no_memory(work->err);
	for (const struct cfg_node *at = node->first; at; at = at->next)
		if (cfg_value_ulimit(at, &list[session->n_ulimits++]))
			return bad_kind(work, POL_ULIMITS);
	qsort(list, session->n_ulimits, sizeof(*list), compare_ulimits);
	session->ulimits = list;
	return 0;
}

static int compare_texts(const void *a, const void *b)
{
	const char *const *left = a, *const *right = b;

	return strcmp(*left, *right);
}

static int set_env(struct pol_work *work)
{
	struct pol_session *session = work->session;
	const struct cfg_node *node = session->values[POL_ENV];
	const char **list;

	if (!node || node->type != CFG_OBJECT)
		return node ? pol_value_bad(work, POL_ENV, "not an object") : 0;
	list = cfg_tree_alloc(session->mem, (node->count + 1) * sizeof(*list));
	if (!list)
		return pol_no_memory(work->err);
	for (const struct cfg_node *at = node->first; at; at = at->next) {
		const char *text = pol_node_text(session->mem, at);

		if (!text || !*at->key || strchr(at->key, '=') ||
		    strlen(at->key) != at->key_len)
			return pol_value_bad(work, POL_ENV,
					     "a name or a value is no text");
		list[session->n_env] =
			cfg_tree_printf(session->mem, "%s=%s", at->key, text);
		if (!list[session->n_env++])
			return pol_no_memory(work->err);
	}
	qsort(list, session->n_env, sizeof(*list), compare_texts);
	session->env = list;
	return 0;
}

static int set_caps(struct pol_work *work)
{
	struct pol_session *session = work->session;
	uint64_t drop = 0;

	if (pol_value_strings(work, POL_CAP_DROP, &session->cap_drop,
			      &session->n_cap_drop))
		return -1;
	for (size_t i = 0; i < session->n_cap_drop; i++) {
		int cap = cfg_value_cap(session->cap_drop[i]);

		if (cap < 0)
			return bad_kind(work, POL_CAP_DROP);
		drop |= cap == CFG_CAP_ALL ? UINT64_MAX : CAP(cap);
	}
	session->cap_keep = DOCKER_CAPS & ~drop & ~NEVER_CAPS;
	return 0;
}

static int set_limits(struct pol_work *work)
{
	struct pol_session *session = work->session;
	const struct cfg_node *const *values = session->values;
	double pids = pol_value_number(session, POL_PIDS_LIMIT);

	if (values[POL_MEMORY] &&
	    cfg_value_size(values[POL_MEMORY], &session->memory))
		return bad_kind(work, POL_MEMORY);
	if (values[POL_MEMORY_SWAP] &&
	    cfg_value_swap(values[POL_MEMORY_SWAP], &session->memory_swap))
		return bad_kind(work, POL_MEMORY_SWAP);
	if (values[POL_CPUS] &&
	    cfg_value_cpus(values[POL_CPUS], &session->cpu_usec))
		return bad_kind(work, POL_CPUS);
	if (values[POL_SETUP_TIMEOUT] &&
	    cfg_value_duration(values[POL_SETUP_TIMEOUT],
			       &session->setup_timeout_ms))
		return bad_kind(work, POL_SETUP_TIMEOUT);
	/* As Docker has it, 0 and -1 are no limit. */
	session->pids = pids > 0 ? (uint64_t)pids : 0;
	return set_ulimits(work);
}

/* A string, or an array of strings that are its lines. */
static int set_setup(struct pol_work *work)
{
	struct pol_session *session = work->session;
	const struct cfg_node *node = session->values[POL_SETUP_COMMAND];
	const char *const *lines;
	const char *text = "";
	size_t n;

	if (!node || node->type != CFG_ARRAY) {
		session->setup_command = pol_value_text(work,
							POL_SETUP_COMMAND);
		if (node && !session->setup_command)
			return pol_value_bad(work, POL_SETUP_COMMAND,
					     "not a text");
	} else {
		if (pol_value_strings(work, POL_SETUP_COMMAND, &lines, &n))
			return -1;
		for (size_t i = 0; text && i < n; i++)
			text = cfg_tree_printf(session->mem, "%s%s%s", text,
					       i > 0 ? "\n" : "", lines[i]);
		if (!text)
			return pol_no_memory(work->err);
		session->setup_command = text;
	}
	if (session->setup_command &&
	    session->setup_command[strspn(session->setup_command, " \t\r\n")] ==
		    '\0')
		session->setup_command = NULL;
	return 0;
}

static int set_network(struct pol_work *work)
{
	struct pol_session *session = work->session;
	const char *name = pol_value_text(work, POL_NETWORK);

	session->network_name = name ? name : "none";
	if (!strcmp(session->network_name, "none"))
		session->network = POL_NET_NONE;
	else if (!strcmp(session->network_name, "host"))
		session->network = POL_NET_HOST;
	else
		session->network = POL_NET_OTHER;
	return 0;
}

/* What a name of a sandbox may begin with. */
static bool is_prefix(const char *text)
{
	if (text[0] == '-' || text[0] == '.')
		return false;
	return text[strspn(text, "abcdefghijklmnopqrstuvwxyz"
				 "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "0123456789_.-")] == '\0';
}

static int set_texts(struct pol_work *work)
{
	struct pol_session *session = work->session;
	const char *enforcement = pol_value_text(work, POL_ENFORCEMENT);

	session->image = pol_value_text(work, POL_IMAGE);
	session->prefix = pol_value_text(work, POL_PREFIX);
	session->workdir = pol_value_text(work, POL_WORKDIR);
	session->user = pol_value_text(work, POL_USER);
	session->apparmor_profile = pol_value_text(work, POL_APPARMOR_PROFILE);
	session->read_only_root = pol_value_is_true(session,
						    POL_READ_ONLY_ROOT);
	session->best_effort = enforcement &&
			       !strcmp(enforcement, "best-effort");
	session->prune_idle_hours = pol_value_number(session, POL_PRUNE_IDLE);
	session->prune_max_age_days = pol_value_number(session, POL_PRUNE_AGE);
	if (!session->image || !session->prefix || !session->workdir ||
	    !session->user)
		return err_set(work->err, ERR_INTERNAL, 0,
			       "docker section: a value without a default");
	if (!is_prefix(session->prefix))
		return pol_value_bad(work, POL_PREFIX,
				     "expected letters, digits, _ . and -");
	if (session->origins[POL_USER].level == POL_LEVEL_DEFAULT &&
	    session->user[0] == '0')
		pol_value_note(work, POL_USER,
			       "root inside alone: to the host an id without privileges");
	return 0;
}

/**
 * pol_docker_resolve() - from merged values to the session's members
 *
 * Return: 0 or -1; what was loaded has been checked, so that an error here is
 * of a value that only the sandbox's maker can judge.
 */
int pol_docker_resolve(struct pol_work *work)
{
	struct pol_session *session = work->session;

	if (set_texts(work) || set_network(work) || set_tmpfs(work) ||
	    set_caps(work) || set_env(work) || set_setup(work) ||
	    set_limits(work) || set_binds(work) || set_hosts(work))
		return -1;
	if (session->values[POL_SECCOMP_PROFILE] &&
	    pol_value_path(work, POL_SECCOMP_PROFILE,
			   &session->seccomp_profile))
		return -1;
	if (pol_value_strings(work, POL_DNS, &session->dns, &session->n_dns) ||
	    pol_value_strings(work, POL_SOCKET_BINDS, &session->socket_binds,
			      &session->n_socket_binds) ||
	    pol_value_strings(work, POL_ALLOW_PATHS, &session->allow_paths,
			      &session->n_allow_paths))
		return -1;
	return pol_value_strings(work, POL_PROTECT_PATHS,
				 &session->protect_paths,
				 &session->n_protect_paths);
}
