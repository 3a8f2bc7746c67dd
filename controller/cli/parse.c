// SPDX-License-Identifier: Apache-2.0
/*
 * Numbers, times, sizes and names of the command line.  No locale, no
 * strtol(3): what is not written exactly as the man page says is refused.
 */
#include <config.h>

#include "controller/cli/parse.h"

#include <signal.h>
#include <string.h>
#include <strings.h>

#include "controller/config/value.h"

#define DURATION_MAX_MSEC (366ull * 24 * 3600 * 1000)
#define SIZE_MAX_BYTES (1ull << 60)

struct unit {
	const char *name;
	uint64_t factor;
};

static bool take_unit(const char *text, const struct unit *units,
		      uint64_t *factor)
{
	for (; units->name; units++) {
		if (!strcasecmp(text, units->name)) {
			*factor = units->factor;
			return true;
		}
	}
	return false;
}

/**
 * cli_parse_number() - a decimal number, nothing else around it
 * @max: the largest that is accepted
 */
int cli_parse_number(const char *text, uint64_t max, uint64_t *value,
		     struct err *err)
{
	const char *at = text;

	if (!cfg_take_digits(&at, max, value) || *at)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "not a number between 0 and %llu",
			       (unsigned long long)max);
	return 0;
}

/**
 * cli_parse_duration() - 30, 30s, 500ms, 5m, 1h
 * @msec: milliseconds, at least 1
 */
int cli_parse_duration(const char *text, uint64_t *msec, struct err *err)
{
	static const struct unit units[] = {
		{ "", 1000 },	{ "ms", 1 },	      { "s", 1000 },
		{ "m", 60000 }, { "h", 3600 * 1000 }, { NULL, 0 },
	};
	uint64_t value = 0;
	uint64_t factor = 0;

	if (!cfg_take_digits(&text, DURATION_MAX_MSEC, &value) ||
	    !take_unit(text, units, &factor))
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "not a time such as 30, 30s, 500ms, 5m or 1h");
	if (value == 0 || value > DURATION_MAX_MSEC / factor)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "a time is between 1ms and 366 days");
	*msec = value * factor;
	return 0;
}

/**
 * cli_parse_size() - 4096, 64k, 512m, 2g; powers of 1024
 * @bytes: at least 1
 */
int cli_parse_size(const char *text, uint64_t *bytes, struct err *err)
{
	static const struct unit units[] = {
		{ "", 1 },	   { "b", 1 },	      { "k", 1 << 10 },
		{ "m", 1 << 20 },  { "g", 1 << 30 },  { "t", 1ull << 40 },
		{ "kb", 1 << 10 }, { "mb", 1 << 20 }, { "gb", 1 << 30 },
		{ NULL, 0 },
	};
	uint64_t value = 0;
	uint64_t factor = 0;

	if (!cfg_take_digits(&text, SIZE_MAX_BYTES, &value) ||
	    !take_unit(text, units, &factor))
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "not a size such as 4096, 64k, 512m or 2g");
	if (value == 0 || value > SIZE_MAX_BYTES / factor)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "a size is between 1 and 1048576t");
	*bytes = value * factor;
	return 0;
}

/**
 * cli_parse_swap() - a size of memory and swap together, or -1: no limit
 */
int cli_parse_swap(const char *text, uint64_t *bytes, struct err *err)
{
	if (strcmp(text, "-1") != 0)
		return cli_parse_size(text, bytes, err);
	*bytes = CLI_UNLIMITED;
	return 0;
}

/**
 * cli_parse_cpus() - processors, 0.01 to 4096, at most five decimals
 * @usec: of each CLI_CPU_PERIOD_USEC
 */
int cli_parse_cpus(const char *text, uint64_t *usec, struct err *err)
{
	uint64_t scale = CLI_CPU_PERIOD_USEC;
	uint64_t whole = 0;
	uint64_t part = 0;

	if (!cfg_take_digits(&text, 4096, &whole))
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "not a number of processors such as 0.5 or 2");
	if (*text == '.') {
		const char *digits = ++text;

		if (!cfg_take_digits(&text, CLI_CPU_PERIOD_USEC, &part) ||
		    text - digits > 5)
			return err_set(err, ERR_BAD_REQUEST, 0,
				       "at most five decimals count");
		for (ptrdiff_t i = text - digits; i > 0; i--)
			scale /= 10;
		part *= scale;
	}
	*usec = whole * CLI_CPU_PERIOD_USEC + part;
	/* The kernel takes no quota below a millisecond. */
	if (*text || *usec < 1000 || *usec > 4096ull * CLI_CPU_PERIOD_USEC)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "not a number of processors from 0.01 to 4096");
	return 0;
}

static bool take_limit(const char **text, uint64_t *value)
{
	static const char *const words[] = { "unlimited", "-1" };

	for (size_t i = 0; i < 2; i++) {
		size_t len = strlen(words[i]);

		if (strncmp(*text, words[i], len) != 0)
			continue;
		*text += len;
		*value = CLI_UNLIMITED;
		return true;
	}
	return cfg_take_digits(text, CLI_UNLIMITED - 1, value);
}

/* As ulimit(1) has them. */
const char *const cli_ulimit_names[] = {
	"as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue",
	"nice", "nofile", "nproc", "rss", "rtprio", "rttime", "sigpending",
	"stack", NULL,
};

/* In the order of their numbers. */
const char *const cli_cap_names[] = {
	"chown", "dac_override", "dac_read_search", "fowner", "fsetid",
	"kill", "setgid", "setuid", "setpcap", "linux_immutable",
	"net_bind_service", "net_broadcast", "net_admin", "net_raw",
	"ipc_lock", "ipc_owner", "sys_module", "sys_rawio", "sys_chroot",
	"sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice",
	"sys_resource", "sys_time", "sys_tty_config", "mknod", "lease",
	"audit_write", "audit_control", "setfcap", "mac_override",
	"mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read",
	"perfmon", "bpf", "checkpoint_restore", NULL,
};

/**
 * cli_parse_ulimit() - NAME=SOFT[:HARD], names as ulimit(1) has them
 */
int cli_parse_ulimit(const char *text, struct cli_ulimit *limit,
		     struct err *err)
{
	const char *equals = strchr(text, '=');
	size_t len = equals ? (size_t)(equals - text) : 0;
	const char *at;

	for (size_t i = 0; cli_ulimit_names[i]; i++) {
		if (!len || strlen(cli_ulimit_names[i]) != len ||
		    memcmp(cli_ulimit_names[i], text, len))
			continue;
		memcpy(limit->name, cli_ulimit_names[i], len + 1);
		at = equals + 1;
		if (!take_limit(&at, &limit->soft))
			break;
		limit->hard = limit->soft;
		if (*at == ':' && (at++, !take_limit(&at, &limit->hard)))
			break;
		if (*at)
			break;
		if (limit->soft > limit->hard)
			return err_set(err, ERR_BAD_REQUEST, 0,
				       "the soft limit is above the hard one");
		return 0;
	}
	return err_set(err, ERR_BAD_REQUEST, 0,
		       "not NAME=SOFT[:HARD], such as nofile=1024:4096");
}

/**
 * cli_parse_caps() - names of capabilities(7), separated by commas
 * @mask: the bits are added
 */
int cli_parse_caps(const char *text, uint64_t *mask, struct err *err)
{
	for (;;) {
		size_t len = strcspn(text, ",");
		const char *name = text;
		size_t skip = 0;
		size_t i;

		if (len > 4 && !strncasecmp(name, "cap_", 4))
			skip = 4;
		for (i = 0; cli_cap_names[i]; i++)
			if (strlen(cli_cap_names[i]) == len - skip &&
			    !strncasecmp(name + skip, cli_cap_names[i],
					 len - skip))
				break;
		if (!cli_cap_names[i])
			return err_set(err, ERR_BAD_REQUEST, 0,
				       "%.*s: not a capability such as chown",
				       len > 32 ? 32 : (int)len, name);
		*mask |= 1ull << i;
		if (!text[len])
			return 0;
		text += len + 1;
	}
}

/**
 * cli_parse_user() - UID[:GID] or a name of the image's passwd file
 */
int cli_parse_user(const char *text, struct err *err)
{
	const char *at = text;
	uint64_t id = 0;

	if (cfg_take_digits(&at, 65535, &id)) {
		if (!*at)
			return 0;
		if (*at == ':' && (at++, cfg_take_digits(&at, 65535, &id)) &&
		    !*at)
			return 0;
	} else if (strspn(text, "abcdefghijklmnopqrstuvwxyz"
				"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				"0123456789_.-") == strlen(text) &&
		   *text && *text != '-' && !(*text >= '0' && *text <= '9') &&
		   strlen(text) <= 32) {
		return 0;
	}
	return err_set(err, ERR_BAD_REQUEST, 0,
		       "not UID[:GID] up to 65535, or a user's name");
}

/**
 * cli_parse_name() - what a sandbox may be called by --name
 */
int cli_parse_name(const char *text, struct err *err)
{
	size_t len = strlen(text);

	if (len >= 1 && len <= 64 &&
	    strspn(text, "abcdefghijklmnopqrstuvwxyz"
			 "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == len &&
	    text[0] != '-' && text[0] != '.')
		return 0;
	return err_set(err, ERR_BAD_REQUEST, 0,
		       "not a name of 1 to 64 letters, digits, _ . and -");
}

/**
 * cli_parse_signal() - TERM, SIGTERM or 15
 */
int cli_parse_signal(const char *text, uint32_t *number, struct err *err)
{
	uint64_t value = 0;
	const char *at = text;

	if (cfg_take_digits(&at, 64, &value) && !*at && value > 0) {
		*number = (uint32_t)value;
		return 0;
	}
	if (!strncasecmp(text, "SIG", 3))
		text += 3;
	for (int i = 1; i < NSIG; i++) {
		const char *name = sigabbrev_np(i);

		if (name && !strcasecmp(name, text)) {
			*number = (uint32_t)i;
			return 0;
		}
	}
	return err_set(err, ERR_BAD_REQUEST, 0,
		       "not a signal such as TERM, SIGTERM or 15");
}
