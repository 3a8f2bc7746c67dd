// SPDX-License-Identifier: Apache-2.0
/*
 * helper.conf(5): read once, at start, by the listener alone. Strict: what is
 * not understood stops the program, since a grant that is misread is worse
 * than none.
 */
#include <config.h>

#include "helper/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cap-ng.h>

#include "proto/cleanup.h"

#define POLICY_MAX_BYTES 16384
#define MAX_FIELDS 32
#define MAX_NAMED_ID 4294967294ULL
#define MIN_RANGE_BASE 65536U
#define CAP(name) (UINT64_C(1) << CAP_##name)

/* Any of these inside is a step towards outside, or towards pid 1. */
#define CAPS_NEVER                                                           \
	(CAP(SYS_ADMIN) | CAP(SYS_PTRACE) | CAP(SYS_RESOURCE) |              \
	 CAP(SYS_MODULE) | CAP(SYS_RAWIO) | CAP(SYS_BOOT) | CAP(SYS_TIME) |  \
	 CAP(SYS_PACCT) | CAP(SYS_TTY_CONFIG) | CAP(NET_ADMIN) | CAP(MKNOD) | \
	 CAP(DAC_READ_SEARCH) | CAP(LINUX_IMMUTABLE) | CAP(SETFCAP) |        \
	 CAP(SETPCAP) | CAP(MAC_ADMIN) | CAP(MAC_OVERRIDE) | CAP(SYSLOG) |   \
	 CAP(AUDIT_CONTROL) | CAP(AUDIT_READ) | CAP(WAKE_ALARM) |            \
	 CAP(BLOCK_SUSPEND) | CAP(PERFMON) | CAP(BPF) |                      \
	 CAP(CHECKPOINT_RESTORE))

#define CAPS_DEFAULT                                              \
	(CAP(CHOWN) | CAP(DAC_OVERRIDE) | CAP(FOWNER) | CAP(FSETID) | \
	 CAP(KILL) | CAP(SETGID) | CAP(SETUID) | CAP(NET_BIND_SERVICE))

/**
 * hlp_policy_builtin() - what holds where there is no file
 * @system: else rootless, for @caller alone
 * @caller: the helper's own uid
 */
void hlp_policy_builtin(struct hlp_policy *policy, bool system, uid_t caller)
{
	*policy = (struct hlp_policy){
		.uid = 990,
		.gid = 990,
		.range_base = 0x70000000,
		.n_blocks = 4095,
		.n_users = system ? 3 : 1,
		.allow = { caller },
		.n_allow = 1,
		.map_caller = true,
		/* Rootless the network is the caller's own anyway. */
		.host_network = !system,
		.cap_keep = CAPS_DEFAULT,
		.max_sandboxes = 1280,
		.pool = 2,
	};
}

/**
 * hlp_policy_cap_never() - capabilities that no policy can grant
 */
uint64_t hlp_policy_cap_never(void)
{
	return CAPS_NEVER | ~((CAP(CHECKPOINT_RESTORE) << 1) - 1);
}

/**
 * hlp_policy_admits() - whether a uid may have sandboxes
 */
bool hlp_policy_admits(const struct hlp_policy *policy, uid_t uid)
{
	for (uint32_t i = 0; i < policy->n_allow; i++)
		if (policy->allow[i] == uid)
			return true;
	return false;
}

static int bad_value(struct err *err, const char *value)
{
	return err_set(err, ERR_BAD_REQUEST, 0, "bad value %.40s", value);
}

/* Decimal digits, or 0x and hexadecimal ones; sizes may end in k, m, g, t. */
static int parse_number(const char *text, uint64_t min, uint64_t max,
			uint64_t *out, struct err *err)
{
	static const char suffixes[] = "kmgt";
	unsigned int shift = 0;
	const char *suffix;
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return bad_value(err, text);
	errno = 0;
	*out = strtoull(text, &end, !strncmp(text, "0x", 2) ? 16 : 10);
	if (errno)
		return bad_value(err, text);
	suffix = *end ? strchr(suffixes, *end) : NULL;
	if (suffix && max > UINT32_MAX) {
		shift = 10 * (unsigned int)(suffix - suffixes + 1);
		end++;
	}
	if (*end || *out > (UINT64_MAX >> shift))
		return bad_value(err, text);
	*out <<= shift;
	if (*out < min || *out > max)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "%.40s is not in %llu to %llu", text,
			       (unsigned long long)min,
			       (unsigned long long)max);
	return 0;
}

static int parse_u32(const char *text, uint32_t min, uint64_t max,
		     uint32_t *out, struct err *err)
{
	uint64_t value;

	if (parse_number(text, min, max, &value, err) < 0)
		return -1;
	*out = (uint32_t)value;
	return 0;
}

static int parse_bool(const char *text, bool *out, struct err *err)
{
	*out = !strcmp(text, "yes");
	return *out || !strcmp(text, "no") ? 0 : bad_value(err, text);
}

static int set_user(struct hlp_policy *policy, char **values, struct err *err)
{
	if (parse_u32(values[0], 1, MAX_NAMED_ID, &policy->uid, err) < 0)
		return -1;
	return parse_u32(values[1], 1, MAX_NAMED_ID, &policy->gid, err);
}

static int set_range(struct hlp_policy *policy, char **values, struct err *err)
{
	if (parse_u32(values[0], MIN_RANGE_BASE, UINT32_MAX,
		      &policy->range_base, err) < 0 ||
	    parse_u32(values[1], 1, UINT32_MAX / HLP_BLOCK_IDS,
		      &policy->n_blocks, err) < 0)
		return -1;
	if (policy->range_base % HLP_BLOCK_IDS)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "%.40s is no multiple of %d", values[0],
			       HLP_BLOCK_IDS);
	/* The last id of all is no id: (uid_t)-1. */
	if (policy->range_base + (uint64_t)policy->n_blocks * HLP_BLOCK_IDS >
	    UINT32_MAX)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "range goes beyond the last id");
	return 0;
}

static int set_users(struct hlp_policy *policy, char **values, struct err *err)
{
	return parse_u32(values[0], 1, HLP_POLICY_MAX_USERS, &policy->n_users,
			 err);
}

/* The list replaces root alone; NULL begins it. */
static int set_allow(struct hlp_policy *policy, char **values, struct err *err)
{
	for (; *values; values++) {
		if (policy->n_allow == HLP_POLICY_MAX_ALLOW)
			return err_set(err, ERR_LIMIT, 0, "more than %d uids",
				       HLP_POLICY_MAX_ALLOW);
		if (parse_u32(*values, 0, MAX_NAMED_ID,
			      &policy->allow[policy->n_allow], err) < 0)
			return -1;
		policy->n_allow++;
	}
	return 0;
}

static int set_map_caller(struct hlp_policy *policy, char **values,
			  struct err *err)
{
	return parse_bool(values[0], &policy->map_caller, err);
}

static int set_host_network(struct hlp_policy *policy, char **values,
			    struct err *err)
{
	return parse_bool(values[0], &policy->host_network, err);
}

static int set_cap_keep(struct hlp_policy *policy, char **values,
			struct err *err)
{
	policy->cap_keep = 0;
	if (!strcmp(values[0], "none") && !values[1])
		return 0;
	for (; *values; values++) {
		int cap = capng_name_to_capability(*values);

		if (cap < 0 || cap > CAP_LAST_CAP)
			return bad_value(err, *values);
		if (hlp_policy_cap_never() & (UINT64_C(1) << cap))
			return err_set(err, ERR_DENIED, 0,
				       "%.40s cannot be kept", *values);
		policy->cap_keep |= UINT64_C(1) << cap;
	}
	return 0;
}

static int set_max_sandboxes(struct hlp_policy *policy, char **values,
			     struct err *err)
{
	return parse_u32(values[0], 1, HLP_POLICY_MAX_SANDBOXES,
			 &policy->max_sandboxes, err);
}

static int set_max_memory(struct hlp_policy *policy, char **values,
			  struct err *err)
{
	return parse_number(values[0], 1 << 20, INT64_MAX, &policy->max_memory,
			    err);
}

static int set_max_pids(struct hlp_policy *policy, char **values,
			struct err *err)
{
	return parse_number(values[0], 1, 4194304, &policy->max_pids, err);
}

/* Whole CPUs. */
static int set_max_cpus(struct hlp_policy *policy, char **values,
			struct err *err)
{
	if (parse_u32(values[0], 1, 4096, &policy->max_cpu_usec, err) < 0)
		return -1;
	policy->max_cpu_usec *= 100000;
	return 0;
}

static int set_pool(struct hlp_policy *policy, char **values, struct err *err)
{
	return parse_u32(values[0], 0, HLP_POLICY_MAX_POOL, &policy->pool, err);
}

static const struct key {
	const char *name;
	size_t min_values;
	size_t max_values;
	int (*set)(struct hlp_policy *policy, char **values, struct err *err);
} keys[] = {
	{ "user", 2, 2, set_user },
	{ "range", 2, 2, set_range },
	{ "users", 1, 1, set_users },
	{ "allow", 1, MAX_FIELDS, set_allow },
	{ "map-caller", 1, 1, set_map_caller },
	{ "host-network", 1, 1, set_host_network },
	{ "cap-keep", 1, MAX_FIELDS, set_cap_keep },
	{ "max-sandboxes", 1, 1, set_max_sandboxes },
	{ "max-memory", 1, 1, set_max_memory },
	{ "max-pids", 1, 1, set_max_pids },
	{ "max-cpus", 1, 1, set_max_cpus },
	{ "pool", 1, 1, set_pool },
};

#define KEYS_COUNT (sizeof(keys) / sizeof(keys[0]))

/* @seen has a bit for each key; all but "allow" come once. */
static int parse_line(struct hlp_policy *policy, char *line,
		      unsigned int *seen, struct err *err)
{
	char *fields[MAX_FIELDS + 2] = { NULL };
	size_t count = 0;
	char *save = NULL;

	for (char *field = strtok_r(line, " \t", &save); field;
	     field = strtok_r(NULL, " \t", &save)) {
		if (count > MAX_FIELDS)
			return err_set(err, ERR_LIMIT, 0, "too many values");
		fields[count++] = field;
	}
	if (count == 0 || fields[0][0] == '#')
		return 0;
	for (size_t i = 0; i < KEYS_COUNT; i++) {
		bool again = *seen & (1U << i);

		if (strcmp(keys[i].name, fields[0]) != 0)
			continue;
		if (count - 1 < keys[i].min_values ||
		    count - 1 > keys[i].max_values)
			return err_set(err, ERR_BAD_REQUEST, 0,
				       "%s with %zu values", keys[i].name,
				       count - 1);
		if (again && keys[i].set != set_allow)
			return err_set(err, ERR_BAD_REQUEST, 0,
				       "%s is given twice", keys[i].name);
		if (!again && keys[i].set == set_allow)
			policy->n_allow = 0;
		*seen |= 1U << i;
		return keys[i].set(policy, fields + 1, err);
	}
	return err_set(err, ERR_BAD_REQUEST, 0, "unknown key %.40s", fields[0]);
}

static bool has_member(const struct hlp_policy *policy, uint32_t id)
{
	return id >= policy->range_base &&
	       id - policy->range_base <
		       (uint64_t)policy->n_blocks * HLP_BLOCK_IDS;
}

/**
 * hlp_policy_parse() - read the text of a policy file
 * @policy: holds the built-in values; keys that are given replace them
 * @name:   of the file, for messages
 * @text:   changed
 *
 * Return: 0, or -1 with "NAME:LINE: why".
 */
int hlp_policy_parse(struct hlp_policy *policy, const char *name, char *text,
		     struct err *err)
{
	unsigned int seen = 0;
	unsigned int number = 0;
	char *next;

	for (char *line = text; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		number++;
		if (parse_line(policy, line, &seen, err) < 0)
			return err_wrap(err, "%.60s:%u", name, number);
	}
	if (policy->n_users > policy->n_blocks)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "%.60s: fewer blocks than users", name);
	if (has_member(policy, policy->uid) || has_member(policy, policy->gid))
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "%.60s: user lies in range", name);
	return 0;
}

static int check_file(int fd, const char *path, struct err *err)
{
	struct stat st;
	const char *why = NULL;

	if (fstat(fd, &st) < 0)
		return err_set(err, ERR_KERNEL, errno, "%.60s", path);
	if (!S_ISREG(st.st_mode))
		why = "not a regular file";
	else if (st.st_uid != 0)
		why = "not owned by root";
	else if (st.st_mode & (S_IWGRP | S_IWOTH))
		why = "writable by others than its owner";
	else if (st.st_nlink != 1)
		why = "has more than one name";
	else if (st.st_size > POLICY_MAX_BYTES)
		why = "too large";
	if (why)
		return err_set(err, ERR_DENIED, 0, "%.60s: %s", path, why);
	return 0;
}

/**
 * hlp_policy_read() - read a policy file
 * @policy: holds the built-in values
 * @path:   of the administrator's; a file that does not exist changes nothing
 *
 * Owner and mode are checked on the descriptor that is read. Return: 0 or -1.
 */
int hlp_policy_read(struct hlp_policy *policy, const char *path,
		    struct err *err)
{
	char text[POLICY_MAX_BYTES + 1];
	auto_fd fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	ssize_t got;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return err_set(err, ERR_KERNEL, errno, "%.60s", path);
	if (check_file(fd, path, err) < 0)
		return -1;
	got = read(fd, text, POLICY_MAX_BYTES);
	if (got < 0)
		return err_set(err, ERR_KERNEL, errno, "%.60s", path);
	text[got] = '\0';
	if (strlen(text) != (size_t)got)
		return err_set(err, ERR_BAD_REQUEST, 0, "%.60s: NUL byte",
			       path);
	return hlp_policy_parse(policy, path, text, err);
}
