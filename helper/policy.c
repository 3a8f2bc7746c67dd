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
#include <inttypes.h>
#include <linux/capability.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cap-ng.h>

#include "proto/cleanup.h"

#define POLICY_MAX_BYTES 16384
#define PASSWD_FILE "/etc/passwd"
#define PASSWD_MAX_BYTES (4 << 20)
#define MAX_ID 4294967294ULL
#define CAP(name) (UINT64_C(1) << CAP_##name)

/* Any of these inside is a step towards outside, or towards pid 1. */
#define CAPS_NEVER                                                           \
	(CAP(SYS_ADMIN) | CAP(SYS_PTRACE) | CAP(SYS_RESOURCE) |              \
	 CAP(SYS_MODULE) | CAP(SYS_RAWIO) | CAP(SYS_BOOT) | CAP(SYS_TIME) |  \
	 CAP(SYS_PACCT) | CAP(SYS_TTY_CONFIG) | CAP(NET_ADMIN) | CAP(MKNOD) | \
	 CAP(DAC_READ_SEARCH) | CAP(LINUX_IMMUTABLE) | CAP(MAC_ADMIN) |      \
	 CAP(MAC_OVERRIDE) | CAP(SYSLOG) | CAP(AUDIT_CONTROL) |              \
	 CAP(AUDIT_READ) | CAP(WAKE_ALARM) | CAP(BLOCK_SUSPEND) |            \
	 CAP(PERFMON) | CAP(BPF) | CAP(CHECKPOINT_RESTORE))

/*
 * What containers have elsewhere, less the above. SETFCAP: a file's
 * capabilities count for no more than the sandbox's own ids, and neither where
 * nothing is gained by execve(2); SETPCAP: what can be raised is what there is,
 * and NOROOT is locked. The network's are void behind the seal.
 */
#define CAPS_DEFAULT                                                        \
	(CAP(CHOWN) | CAP(DAC_OVERRIDE) | CAP(FOWNER) | CAP(FSETID) |       \
	 CAP(KILL) | CAP(SETGID) | CAP(SETUID) | CAP(SETPCAP) |             \
	 CAP(SETFCAP) | CAP(NET_BIND_SERVICE) | CAP(NET_RAW) |              \
	 CAP(SYS_CHROOT) | CAP(AUDIT_WRITE))

/* As uid or as gid. */
static bool is_anybodys(const char *text, uint32_t id)
{
	char field[16];

	(void)snprintf(field, sizeof(field), ":%" PRIu32 ":", id);
	return strstr(text, field) != NULL;
}

/**
 * hlp_policy_account() - find the account _creel in the text of /etc/passwd
 *
 * Without a name service, which may be anybody's. Where it is not there it is
 * the next id downwards that is no other account's; where it is root's, nothing
 * changes.
 */
void hlp_policy_account(struct hlp_policy *policy, const char *text)
{
	static const char name[] = "\n_creel:";
	const char *at = strstr(text, name);
	unsigned long uid, gid = 0;
	char *end = NULL;

	at = at ? strchr(at + sizeof(name) - 1, ':') : NULL;
	while (!at && policy->uid > 1 && is_anybodys(text, policy->uid))
		policy->gid = --policy->uid;
	if (!at)
		return;
	uid = strtoul(at + 1, &end, 10);
	if (*end == ':')
		gid = strtoul(end + 1, &end, 10);
	if (*end == ':' && uid > 0 && uid < MAX_ID && gid > 0 && gid < MAX_ID) {
		policy->uid = (uid_t)uid;
		policy->gid = (gid_t)gid;
	}
}

static void find_account(struct hlp_policy *policy)
{
	static char text[PASSWD_MAX_BYTES];
	auto_fd fd = open(PASSWD_FILE, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (got > 0)
		hlp_policy_account(policy, text);
}

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
	if (system)
		find_account(policy);
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

/* Root has one in any case: he needs no listener. */
static uint32_t count_shares(const struct hlp_policy *policy)
{
	uint32_t n = 1;

	for (uint32_t i = 0; i < policy->n_allow; i++)
		n += policy->allow[i] != 0;
	return n > policy->n_users ? n : policy->n_users;
}

/**
 * hlp_policy_share() - the blocks that a user's sandboxes get
 * @uid:      root, or one that is admitted
 * @n_blocks: set to how many
 *
 * A user's share is never another's. Where the caller is mapped a sandbox can
 * leave a set-user-id file of one of its ids on the host, and who has a block's
 * first id has all power over the sandbox of that block.
 *
 * Return: the first of them.
 */
uint32_t hlp_policy_share(const struct hlp_policy *policy, uid_t uid,
			  uint32_t *n_blocks)
{
	uint32_t share = 0;

	*n_blocks = policy->n_blocks / count_shares(policy);
	for (uint32_t i = 0; uid != 0 && i < policy->n_allow; i++) {
		share += policy->allow[i] != 0;
		if (policy->allow[i] == uid)
			break;
	}
	return share * *n_blocks;
}

enum kind { KIND_INVALID = 0, KIND_U32, KIND_SIZE, KIND_BOOL, KIND_CAPS };

/* What a key sets; its values go to consecutive members from offset on. */
static const struct key {
	const char *name;
	enum kind kind;
	size_t max_values; /* KIND_U32: exactly so many, unless it is allow */
	size_t offset;
	uint64_t min;
	uint64_t max;
} keys[] = {
#define AT(member) offsetof(struct hlp_policy, member)
	{ "user", KIND_U32, 2, AT(uid), 1, MAX_ID },
	{ "range", KIND_U32, 2, AT(range_base), 1, MAX_ID },
	{ "users", KIND_U32, 1, AT(n_users), 1, HLP_POLICY_MAX_USERS },
	{ "allow", KIND_U32, HLP_POLICY_MAX_ALLOW, AT(allow), 0, MAX_ID },
	{ "map-caller", KIND_BOOL, 1, AT(map_caller), 0, 0 },
	{ "host-network", KIND_BOOL, 1, AT(host_network), 0, 0 },
	{ "cap-keep", KIND_CAPS, 64, AT(cap_keep), 0, 0 },
	{ "max-sandboxes", KIND_U32, 1, AT(max_sandboxes), 1,
	  HLP_POLICY_MAX_SANDBOXES },
	{ "max-memory", KIND_SIZE, 1, AT(max_memory), 1 << 20, INT64_MAX },
	{ "max-pids", KIND_U32, 1, AT(max_pids), 1, 4194304 },
	{ "max-cpus", KIND_U32, 1, AT(max_cpus), 1, 4096 },
	{ "user-memory", KIND_SIZE, 1, AT(user_memory), 1 << 20, INT64_MAX },
	{ "user-pids", KIND_U32, 1, AT(user_pids), 1, 4194304 },
	{ "user-cpus", KIND_U32, 1, AT(user_cpus), 1, 4096 },
	{ "pool", KIND_U32, 1, AT(pool), 0, HLP_POLICY_MAX_POOL },
#undef AT
};

#define KEYS_COUNT (sizeof(keys) / sizeof(keys[0]))
#define KEY_USERS (&keys[2])
#define KEY_ALLOW (&keys[3])

/*
 * Decimal digits, or 0x and hexadecimal ones; sizes may end in k, m, g. What a
 * user may take in all has a default, so that none has to be said.
 */
static bool parse_number(const struct key *key, const char *text,
			 uint64_t *out)
{
	static const char suffixes[] = "kmg";
	const char *suffix;
	unsigned int shift = 0;
	char *end;

	*out = HLP_POLICY_NONE;
	if (!strncmp(key->name, "user-", 5) && !strcmp(text, "none"))
		return true;
	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	*out = strtoull(text, &end, strncmp(text, "0x", 2) ? 10 : 16);
	suffix = *end ? strchr(suffixes, *end) : NULL;
	if (suffix && key->kind == KIND_SIZE) {
		shift = 10 * (unsigned int)(suffix - suffixes + 1);
		end++;
	}
	if (errno || *end || *out > (UINT64_MAX >> shift))
		return false;
	*out <<= shift;
	return *out >= key->min && *out <= key->max;
}

static bool parse_cap(const char *text, uint64_t *caps)
{
	int cap = capng_name_to_capability(text);

	if (!strcmp(text, "none") && *caps == 0)
		return true;
	if (cap < 0 || cap > CAP_CHECKPOINT_RESTORE ||
	    (CAPS_NEVER & (UINT64_C(1) << cap)))
		return false;
	*caps |= UINT64_C(1) << cap;
	return true;
}

/* The @index-th value of a key. */
static bool set_value(struct hlp_policy *policy, const struct key *key,
		      size_t index, const char *text)
{
	char *member = (char *)policy + key->offset;
	uint64_t number;

	switch (key->kind) {
	case KIND_U32:
		if (!parse_number(key, text, &number))
			return false;
		((uint32_t *)member)[index] = (uint32_t)number;
		return true;
	case KIND_SIZE:
		return parse_number(key, text, (uint64_t *)member);
	case KIND_BOOL:
		*(bool *)member = !strcmp(text, "yes");
		return *(bool *)member || !strcmp(text, "no");
	case KIND_CAPS:
		if (index == 0)
			policy->cap_keep = 0;
		return parse_cap(text, &policy->cap_keep);
	case KIND_INVALID:
		break;
	}
	return false;
}

/* @seen has a bit for each key: all but "allow" come once. */
static int parse_line(struct hlp_policy *policy, char *line,
		      unsigned int *seen, struct err *err)
{
	char *save = NULL;
	const char *word = strtok_r(line, " \t", &save);
	const struct key *key = keys;
	size_t first = 0;
	size_t n;

	if (!word || word[0] == '#')
		return 0;
	while (key < keys + KEYS_COUNT && strcmp(key->name, word) != 0)
		key++;
	if (key == keys + KEYS_COUNT)
		return err_set(err, ERR_BAD_REQUEST, 0, "unknown key %.40s",
			       word);
	if (*seen & (1U << (key - keys))) {
		if (key != KEY_ALLOW)
			return err_set(err, ERR_BAD_REQUEST, 0,
				       "%s is given twice", word);
		first = policy->n_allow;
	}
	*seen |= 1U << (key - keys);
	for (n = first; (word = strtok_r(NULL, " \t", &save)); n++)
		if (n >= key->max_values || !set_value(policy, key, n, word))
			return err_set(err, ERR_BAD_REQUEST, 0,
				       "%s: bad value %.40s", key->name, word);
	if (key == KEY_ALLOW)
		policy->n_allow = (uint32_t)n;
	if (n == first || (key->kind == KIND_U32 && key != KEY_ALLOW &&
			   n != key->max_values))
		return err_set(err, ERR_BAD_REQUEST, 0, "%s: a value is missing",
			       key->name);
	return 0;
}

static bool in_range(const struct hlp_policy *policy, uint32_t id)
{
	return id >= policy->range_base &&
	       (id - policy->range_base) / HLP_BLOCK_IDS < policy->n_blocks;
}

/* What no single line can tell. The last id of all is no id: (uid_t)-1. */
static const char *check_whole(const struct hlp_policy *policy)
{
	uint64_t end = policy->range_base +
		       (uint64_t)policy->n_blocks * HLP_BLOCK_IDS;

	if (policy->range_base < HLP_BLOCK_IDS ||
	    policy->range_base % HLP_BLOCK_IDS || end > UINT32_MAX)
		return "range: no whole blocks above 65535";
	if (count_shares(policy) > policy->n_blocks)
		return "users: more than there are blocks";
	if (in_range(policy, policy->uid) || in_range(policy, policy->gid))
		return "user: lies in range";
	/* Who runs as one of these could trace the helper or a sandbox. */
	for (uint32_t i = 0; i < policy->n_allow; i++)
		if (policy->allow[i] == policy->uid ||
		    in_range(policy, policy->allow[i]))
			return "allow: the helper's own user or one in range";
	return NULL;
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
	const char *why;
	char *line;

	while ((line = strsep(&text, "\n"))) {
		number++;
		if (parse_line(policy, line, &seen, err) < 0)
			return err_wrap(err, "%.60s:%u", name, number);
	}
	/* Else one user's helper could keep another's from being started. */
	if (!(seen & (1U << (KEY_USERS - keys))))
		policy->n_users = count_shares(policy);
	why = check_whole(policy);
	if (why)
		return err_set(err, ERR_BAD_REQUEST, 0, "%.60s: %s", name, why);
	return 0;
}

static const char *check_file(const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return "not a regular file";
	if (st->st_uid != 0)
		return "not owned by root";
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return "writable by others than its owner";
	if (st->st_nlink != 1)
		return "has more than one name";
	return st->st_size > POLICY_MAX_BYTES ? "too large" : NULL;
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
	const char *why;
	struct stat st;
	ssize_t got;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(err, ERR_KERNEL, errno, "%.60s", path);
	why = check_file(&st);
	if (why)
		return err_set(err, ERR_DENIED, 0, "%.60s: %s", path, why);
	got = read(fd, text, POLICY_MAX_BYTES);
	if (got < 0)
		return err_set(err, ERR_KERNEL, errno, "%.60s", path);
	text[got] = '\0';
	if (strlen(text) != (size_t)got)
		return err_set(err, ERR_BAD_REQUEST, 0, "%.60s: NUL byte",
			       path);
	return hlp_policy_parse(policy, path, text, err);
}
