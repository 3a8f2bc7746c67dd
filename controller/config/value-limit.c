// SPDX-License-Identifier: Apache-2.0
/*
 * Resource limits, capabilities, identities.
 */
#include <config.h>

#include "controller/config/value.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static const char *const limits[] = {
	"as",	   "core", "cpu",      "data", "fsize",	 "locks",
	"memlock", "msgqueue", "nice", "nofile", "nproc", "rss",
	"rtprio",  "rttime",   "sigpending", "stack",
};

/* By their numbers. */
static const char *const caps[] = {
	"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL",
	"SETGID", "SETUID", "SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE",
	"NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
	"SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT",
	"SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME",
	"SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL",
	"SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM",
	"BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE",
};

static int bad_limit(struct cfg_why *why)
{
	return cfg_why_set(why, "a number, \"SOFT:HARD\" or {soft: NUMBER, "
				"hard: NUMBER}");
}

static bool take_limit(const char **text, uint64_t *value)
{
	static const char word[] = "unlimited";

	if (strncmp(*text, word, sizeof(word) - 1) == 0) {
		*text += sizeof(word) - 1;
		*value = UINT64_MAX;
		return true;
	}
	if (strncmp(*text, "-1", 2) == 0) {
		*text += 2;
		*value = UINT64_MAX;
		return true;
	}
	return cfg_take_digits(text, UINT64_MAX - 1, value);
}

static int limit_text(const struct cfg_node *node, struct cfg_ulimit *out)
{
	const char *at = node->text;

	if (!cfg_is_text(node) || !take_limit(&at, &out->soft))
		return -1;
	out->hard = out->soft;
	if (*at == ':' && (at++, !take_limit(&at, &out->hard)))
		return -1;
	return *at ? -1 : 0;
}

static int limit_number(const struct cfg_node *node, uint64_t *value)
{
	const char *at = node->text;

	if (node->type == CFG_INTEGER && node->integer >= -1) {
		*value = node->integer < 0 ? UINT64_MAX :
					     (uint64_t)node->integer;
		return 0;
	}
	return node->type == CFG_STRING && cfg_is_text(node) &&
			       take_limit(&at, value) && !*at ?
		       0 :
		       -1;
}

static int limit_pair(const struct cfg_node *node, struct cfg_ulimit *out)
{
	const struct cfg_node *soft = NULL;
	const struct cfg_node *hard = NULL;

	for (const struct cfg_node *at = node->first; at; at = at->next) {
		if (at->type == CFG_NULL)
			continue;
		if (strcmp(at->key, "soft") == 0)
			soft = at;
		else if (strcmp(at->key, "hard") == 0)
			hard = at;
		else
			return -1;
	}
	if (!soft)
		soft = hard;
	if (!hard)
		hard = soft;
	if (!soft || !hard || limit_number(soft, &out->soft) < 0)
		return -1;
	return limit_number(hard, &out->hard);
}

/**
 * cfg_read_ulimit() - one resource limit, in any of its forms
 * @node: a member of ulimits; its key is the name
 */
int cfg_read_ulimit(const struct cfg_node *node, struct cfg_ulimit *out,
		    struct cfg_why *why)
{
	char text[48];
	int ret;

	out->name = NULL;
	for (size_t i = 0; i < COUNT(limits); i++)
		if (strcmp(node->key, limits[i]) == 0)
			out->name = limits[i];
	if (!out->name) {
		cfg_why_nearest(why, node->key, limits, COUNT(limits));
		return cfg_why_set(why, "the name of a limit, such as nofile "
					"or nproc");
	}
	if (node->type == CFG_OBJECT)
		ret = limit_pair(node, out);
	else if (node->type == CFG_STRING)
		ret = limit_text(node, out);
	else
		ret = limit_number(node, &out->soft);
	if (ret < 0)
		return bad_limit(why);
	if (node->type == CFG_INTEGER)
		out->hard = out->soft;
	if (out->soft > out->hard) {
		(void)snprintf(text, sizeof(text), "%llu:%llu",
			       (unsigned long long)out->soft,
			       (unsigned long long)out->hard);
		cfg_why_found(why, text, strlen(text));
		return cfg_why_set(why, "a soft limit that is not above the "
					"hard one");
	}
	return 0;
}

/**
 * cfg_value_ulimit() - one resource limit
 */
int cfg_value_ulimit(const struct cfg_node *node, struct cfg_ulimit *out)
{
	return cfg_read_ulimit(node, out, NULL);
}

/**
 * cfg_value_cap() - the number of a capability, with or without CAP_
 *
 * Return: CFG_CAP_ALL for "all"; -1 for no capability.
 */
int cfg_value_cap(const char *name)
{
	if (strcasecmp(name, "all") == 0)
		return CFG_CAP_ALL;
	if (strncasecmp(name, "cap_", 4) == 0)
		name += 4;
	for (size_t i = 0; i < COUNT(caps); i++)
		if (strcasecmp(name, caps[i]) == 0)
			return (int)i;
	return -1;
}

/**
 * cfg_read_cap() - is it a capability's name, or ALL?
 */
int cfg_read_cap(const char *text, struct cfg_why *why)
{
	if (cfg_value_cap(text) >= 0)
		return 0;
	if (strncasecmp(text, "cap_", 4) == 0)
		text += 4;
	cfg_why_nearest(why, text, caps, COUNT(caps));
	return cfg_why_set(why, "ALL or a capability such as NET_RAW");
}

static bool is_name(const char *text, size_t most)
{
	size_t len = strlen(text);

	return len > 0 && len <= most && text[0] != '-' &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyz"
			    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			    "0123456789_.-") == len;
}

/**
 * cfg_read_name() - what the name of a sandbox may begin with, or nothing
 */
int cfg_read_name(const char *text, struct cfg_why *why)
{
	if (!*text || (is_name(text, 62) && *text != '.' && *text != '_'))
		return 0;
	return cfg_why_set(why, "at most 62 letters, digits, _ . and -, a "
				"letter or digit first");
}

/**
 * cfg_read_user() - UID, UID:GID, a name, or nothing
 */
int cfg_read_user(const char *text, struct cfg_why *why)
{
	const char *at = text;
	uint64_t id;

	if (!*text)
		return 0;
	if (cfg_take_digits(&at, 65535, &id)) {
		if (*at == ':' && (at++, !cfg_take_digits(&at, 65535, &id)))
			at = "?";
		if (!*at)
			return 0;
	} else if (*text < '0' || *text > '9') {
		if (is_name(text, 32))
			return 0;
	}
	return cfg_why_set(why, "UID, UID:GID (up to 65535) or a user's name");
}
