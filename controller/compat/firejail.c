// SPDX-License-Identifier: Apache-2.0
/*
 * firejail's flags.  Each one that is accepted is honoured: by what the flag
 * adds to the description, or because every sandbox has what it asks for.  The
 * rest are errors that name the flag.
 */
#include <config.h>

#include "controller/compat/firejail.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/compat/jail.h"
#include "controller/config/tree.h"

#define FLAG_BYTES 64 /* of a flag, in a message */

struct reader {
	struct tool_jail *jail;
	struct err *err;
	char shown[FLAG_BYTES + 4]; /* the flag that is read */
};

typedef int take_fn(struct reader *reader, const char *value);

struct flag {
	const char *name;
	take_fn *take;   /* NULL: every sandbox is like that */
	enum {
		VALUE_NONE = 0,
		VALUE_MUST,
		VALUE_MAY,
	} value;
	const char *only; /* the one value that is understood */
	bool shapes;      /* what the sandbox is made of */
};

static int refuse(struct reader *reader, enum err_code code, const char *why)
{
	return err_set(reader->err, code, 0, "%s: %s", reader->shown, why);
}

static int take_path(struct reader *reader, const char *value,
		     const char **path)
{
	const char *why;

	*path = jail_path(reader->jail, value, &why);
	return *path ? 0 : refuse(reader, ERR_BAD_REQUEST, why);
}

static int add(struct reader *reader, const char *value,
	       enum jail_access access)
{
	const char *path;

	if (take_path(reader, value, &path) < 0)
		return -1;
	if (jail_add_place(reader->jail, path, access, reader->err) == 0)
		return 0;
	return err_wrap(reader->err, "%s", reader->shown);
}

static int take_whitelist(struct reader *reader, const char *value)
{
	const char *path;

	if (take_path(reader, value, &path) < 0)
		return -1;
	if (jail_list_place(reader->jail, path, reader->err) == 0)
		return 0;
	return err_wrap(reader->err, "%s", reader->shown);
}

static int take_read_write(struct reader *reader, const char *value)
{
	return add(reader, value, JAIL_ACCESS_WRITE);
}

static int take_read_only(struct reader *reader, const char *value)
{
	return add(reader, value, JAIL_ACCESS_READ);
}

static int take_blacklist(struct reader *reader, const char *value)
{
	return add(reader, value, JAIL_ACCESS_NONE);
}

static int take_private(struct reader *reader, const char *value)
{
	struct tool_jail *jail = reader->jail;

	if (jail->private_home)
		return refuse(reader, ERR_BAD_REQUEST,
			      "there is a home folder already");
	jail->private_home = true;
	return value ? take_path(reader, value, &jail->home_source) : 0;
}

static int take_net(struct reader *reader, const char *value)
{
	(void)value;
	reader->jail->no_network = true;
	return 0;
}

static int take_caps(struct reader *reader, const char *value)
{
	(void)value;
	reader->jail->no_caps = true;
	return 0;
}

static int take_noroot(struct reader *reader, const char *value)
{
	(void)value;
	reader->jail->no_root = true;
	return 0;
}

static int take_private_tmp(struct reader *reader, const char *value)
{
	(void)value;
	reader->jail->private_tmp = true;
	return 0;
}

static int take_hostname(struct reader *reader, const char *value)
{
	if (reader->jail->hostname)
		return refuse(reader, ERR_BAD_REQUEST, "given twice");
	reader->jail->hostname = value;
	return 0;
}

static bool is_name(const char *text)
{
	size_t len = strnlen(text, JAIL_NAME_BYTES);

	return len > 0 && len < JAIL_NAME_BYTES &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyz"
			    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == len;
}

static int take_label(struct reader *reader, const char *value,
		      const char **label)
{
	if (*label)
		return refuse(reader, ERR_BAD_REQUEST, "given twice");
	if (!is_name(value))
		return refuse(reader, ERR_BAD_REQUEST,
			      "not 1 to 32 letters, digits, _ and -");
	*label = value;
	return 0;
}

static int take_name(struct reader *reader, const char *value)
{
	return take_label(reader, value, &reader->jail->name);
}

static int take_join(struct reader *reader, const char *value)
{
	return take_label(reader, value, &reader->jail->join);
}

/* Of at most @max digits; moves on behind them and the colon. */
static bool take_part(const char **text, size_t max, bool last, uint64_t *part)
{
	size_t n = 0;

	for (*part = 0; (*text)[n] >= '0' && (*text)[n] <= '9'; n++)
		if (n < max)
			*part = *part * 10 + (uint64_t)((*text)[n] - '0');
	if (n == 0 || n > max || (*text)[n] != (last ? '\0' : ':'))
		return false;
	*text += n + !last;
	return true;
}

static int take_timeout(struct reader *reader, const char *value)
{
	uint64_t h, m, s;

	if (!take_part(&value, 3, false, &h) ||
	    !take_part(&value, 2, false, &m) ||
	    !take_part(&value, 2, true, &s) || m > 59 || s > 59)
		return refuse(reader, ERR_BAD_REQUEST, "not HH:MM:SS");
	reader->jail->timeout_ms = ((h * 60 + m) * 60 + s) * 1000;
	return reader->jail->timeout_ms > 0 ?
		       0 :
		       refuse(reader, ERR_BAD_REQUEST, "no time at all");
}

static int take_env(struct reader *reader, const char *value)
{
	struct tool_jail *jail = reader->jail;
	const char *equals = strchr(value, '=');

	if (!equals || equals == value)
		return refuse(reader, ERR_BAD_REQUEST, "not NAME=VALUE");
	if (jail->n_env == JAIL_MAX_VARIABLES)
		return refuse(reader, ERR_LIMIT, "too many variables");
	jail->env[jail->n_env++] = value;
	return 0;
}

static int take_rmenv(struct reader *reader, const char *value)
{
	struct tool_jail *jail = reader->jail;

	if (strchr(value, '='))
		return refuse(reader, ERR_BAD_REQUEST, "not a name");
	if (jail->n_rmenv == JAIL_MAX_VARIABLES)
		return refuse(reader, ERR_LIMIT, "too many variables");
	jail->rmenv[jail->n_rmenv++] = value;
	return 0;
}

/* A number, or of bytes one with k, m or g after it. */
static bool read_limit(const char *text, bool bytes, uint64_t *value)
{
	static const char units[] = "kmg";
	const char *unit;
	size_t n = 0;

	for (*value = 0; text[n] >= '0' && text[n] <= '9'; n++) {
		if (n == 15)
			return false;
		*value = *value * 10 + (uint64_t)(text[n] - '0');
	}
	if (n == 0)
		return false;
	if (text[n] == '\0')
		return true;
	unit = strchr(units, text[n]);
	if (!bytes || !unit || text[n + 1] != '\0' ||
	    *value > (1ULL << 33)) /* of gigabytes: 2^63 */
		return false;
	*value <<= 10 * (unit - units + 1);
	return true;
}

static int take_rlimit(struct reader *reader, const char *name, bool bytes,
		       const char *value)
{
	struct tool_jail *jail = reader->jail;
	struct cfg_ulimit *limit = NULL;
	uint64_t number;

	if (!read_limit(value, bytes, &number))
		return refuse(reader, ERR_BAD_REQUEST, "not a number");
	for (size_t i = 0; i < jail->n_ulimits; i++)
		if (strcmp(jail->ulimits[i].name, name) == 0)
			limit = &jail->ulimits[i];
	if (!limit)
		limit = &jail->ulimits[jail->n_ulimits++];
	*limit = (struct cfg_ulimit){ .name = name,
				      .soft = number,
				      .hard = number };
	return 0;
}

static int take_rlimit_as(struct reader *reader, const char *value)
{
	return take_rlimit(reader, "as", true, value);
}

static int take_rlimit_cpu(struct reader *reader, const char *value)
{
	return take_rlimit(reader, "cpu", false, value);
}

static int take_rlimit_fsize(struct reader *reader, const char *value)
{
	return take_rlimit(reader, "fsize", true, value);
}

static int take_rlimit_nofile(struct reader *reader, const char *value)
{
	return take_rlimit(reader, "nofile", false, value);
}

static int take_rlimit_nproc(struct reader *reader, const char *value)
{
	return take_rlimit(reader, "nproc", false, value);
}

static int take_rlimit_sigpending(struct reader *reader, const char *value)
{
	return take_rlimit(reader, "sigpending", false, value);
}

static const struct flag flags[] = {
	{ "--blacklist", take_blacklist, VALUE_MUST, NULL, true },
	{ "--caps.drop", take_caps, VALUE_MUST, "all", false },
	{ "--env", take_env, VALUE_MUST, NULL, false },
	{ "--hostname", take_hostname, VALUE_MUST, NULL, true },
	{ "--join", take_join, VALUE_MUST, NULL, false },
	{ "--name", take_name, VALUE_MUST, NULL, true },
	{ "--net", take_net, VALUE_MUST, "none", true },
	{ "--nonewprivs", NULL, VALUE_NONE, NULL, false },
	{ "--noprofile", NULL, VALUE_NONE, NULL, false },
	{ "--noroot", take_noroot, VALUE_NONE, NULL, false },
	{ "--private", take_private, VALUE_MAY, NULL, true },
	{ "--private-dev", NULL, VALUE_NONE, NULL, false },
	{ "--private-tmp", take_private_tmp, VALUE_NONE, NULL, false },
	{ "--quiet", NULL, VALUE_NONE, NULL, false },
	{ "--read-only", take_read_only, VALUE_MUST, NULL, true },
	{ "--read-write", take_read_write, VALUE_MUST, NULL, true },
	{ "--rlimit-as", take_rlimit_as, VALUE_MUST, NULL, false },
	{ "--rlimit-cpu", take_rlimit_cpu, VALUE_MUST, NULL, false },
	{ "--rlimit-fsize", take_rlimit_fsize, VALUE_MUST, NULL, false },
	{ "--rlimit-nofile", take_rlimit_nofile, VALUE_MUST, NULL, false },
	{ "--rlimit-nproc", take_rlimit_nproc, VALUE_MUST, NULL, false },
	{ "--rlimit-sigpending", take_rlimit_sigpending, VALUE_MUST, NULL,
	  false },
	{ "--rmenv", take_rmenv, VALUE_MUST, NULL, false },
	{ "--seccomp", NULL, VALUE_NONE, NULL, false },
	{ "--shell", NULL, VALUE_MUST, "none", false },
	{ "--timeout", take_timeout, VALUE_MUST, NULL, false },
	{ "--whitelist", take_whitelist, VALUE_MUST, NULL, true },
};

static const struct flag *find(const char *word, size_t len)
{
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (strlen(flags[i].name) == len &&
		    memcmp(flags[i].name, word, len) == 0)
			return &flags[i];
	return NULL;
}

static int take(struct reader *reader, const char *word)
{
	size_t len = strcspn(word, "=");
	const char *value = word[len] == '=' ? word + len + 1 : NULL;
	const struct flag *flag = find(word, len);

	jail_show(word, reader->shown, sizeof(reader->shown));
	if (!flag)
		return refuse(reader, ERR_UNSUPPORTED,
			      "a flag of firejail's that creel does not know");
	if (value && flag->value == VALUE_NONE)
		return refuse(reader, ERR_UNSUPPORTED,
			      "creel knows it without a value only");
	if ((!value && flag->value == VALUE_MUST) || (value && !value[0]))
		return refuse(reader, ERR_BAD_REQUEST, "the value is missing");
	if (flag->only && strcmp(value, flag->only) != 0)
		return err_set(reader->err, ERR_UNSUPPORTED, 0,
			       "%s: creel knows no value but %s",
			       reader->shown, flag->only);
	reader->jail->shapes |= flag->shapes;
	return flag->take ? flag->take(reader, value) : 0;
}

/**
 * firejail_is() - is this firejail's program?
 */
bool firejail_is(const char *word)
{
	const char *slash = strrchr(word, '/');

	if (slash && word[0] != '/')
		return false;
	return strcmp(slash ? slash + 1 : word, "firejail") == 0;
}

/**
 * firejail_parse() - a command line as the description of a sandbox
 */
int firejail_parse(const char *const *words, size_t n, const char *home,
		   struct tool_jail *jail, struct err *err)
{
	struct reader reader = { .jail = jail, .err = err };
	size_t at;

	*jail = (struct tool_jail){ .home = home };
	jail->mem = cfg_tree_new();
	if (!jail->mem)
		return err_set(err, ERR_KERNEL, ENOMEM, "jail");
	for (at = 1; at < n && words[at][0] == '-'; at++) {
		if (strcmp(words[at], "--") == 0) {
			at++;
			break;
		}
		if (take(&reader, words[at]) < 0)
			return -1;
	}
	jail->rest = at < n ? at : n;
	if (jail->join && jail->shapes)
		return err_set(err, ERR_UNSUPPORTED, 0,
			       "--join: a flag beside it says what a new sandbox is made of");
	return jail_check(jail, err);
}
