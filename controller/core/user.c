// SPDX-License-Identifier: Apache-2.0
/*
 * Users.  Numbers are read strictly: what is not plainly a decimal id is an
 * error, and nothing ever becomes 0 by accident.  passwd lines come out of an
 * image and are as hostile as the rest of it.
 */
#include <config.h>

#include "controller/core/user.h"

#include <stdio.h>
#include <string.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "0", or digits that do not begin with 0, up to the largest id. */
static int parse_id(const char *text, size_t len, uint32_t *id)
{
	uint32_t value = 0;

	if (len == 0 || len > 5 || (len > 1 && text[0] == '0'))
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (!is_digit(text[i]))
			return -1;
		value = value * 10 + (uint32_t)(text[i] - '0');
	}
	if (value > CTL_USER_ID_MAX)
		return -1;
	*id = value;
	return 0;
}

static bool is_name(const char *text)
{
	size_t len = strnlen(text, CTL_USER_NAME_MAX + 1);

	if (len == 0 || len > CTL_USER_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		bool letter = (c >= 'a' && c <= 'z') ||
			      (c >= 'A' && c <= 'Z') || c == '_';
		bool other = is_digit(c) || c == '-' || c == '.';

		if (!letter && (i == 0 || !other))
			return false;
	}
	return true;
}

/**
 * ctl_user_parse() - read "uid", "uid:gid" or a name
 * @user: filled; resolved unless @text is a name. Without a gid the gid is the
 *        uid
 *
 * Return: 0 or -1 with BAD_REQUEST.
 */
int ctl_user_parse(const char *text, struct ctl_user *user, struct err *err)
{
	const char *colon = strchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : strlen(text);

	*user = (struct ctl_user){ 0 };
	if (is_name(text)) {
		(void)snprintf(user->name, sizeof(user->name), "%s", text);
		return 0;
	}
	if (parse_id(text, len, &user->uid) < 0)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "user: neither a name nor a number from 0 to %d",
			       CTL_USER_ID_MAX);
	user->gid = user->uid;
	if (colon && parse_id(colon + 1, strlen(colon + 1), &user->gid) < 0)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "user: the group is no number from 0 to %d",
			       CTL_USER_ID_MAX);
	user->resolved = true;
	return 0;
}

struct builtin {
	const char *name;
	const char *home;
	const char *shell;
	uint32_t id;
};

static const struct builtin builtins[] = {
	{ "root", "/root", "/bin/bash", 0 },
	{ "nobody", "/nonexistent", "/usr/sbin/nologin", CTL_USER_NOBODY_ID },
};

static void fill(struct ctl_user *user, const char *name, const char *home,
		 const char *shell)
{
	(void)snprintf(user->name, sizeof(user->name), "%s", name);
	(void)snprintf(user->home, sizeof(user->home), "%s", home);
	(void)snprintf(user->shell, sizeof(user->shell), "%s", shell);
}

/**
 * ctl_user_builtin() - complete a user as the host image knows it
 * @user:      from ctl_user_parse()
 * @creel_uid: the caller's identity inside, named "creel" unless it is root
 *
 * Return: false for a name that the host image does not have.
 */
bool ctl_user_builtin(struct ctl_user *user, uint32_t creel_uid,
		      uint32_t creel_gid)
{
	for (size_t i = 0; i < sizeof(builtins) / sizeof(builtins[0]); i++) {
		const struct builtin *b = &builtins[i];

		if (user->resolved ? user->uid != b->id :
				     strcmp(user->name, b->name) != 0)
			continue;
		if (!user->resolved)
			user->uid = user->gid = b->id;
		fill(user, b->name, b->home, b->shell);
		user->resolved = true;
		return true;
	}
	if (!user->resolved) {
		if (strcmp(user->name, "creel") != 0)
			return false;
		user->uid = creel_uid;
		user->gid = creel_gid;
		user->resolved = true;
	}
	fill(user, user->uid == creel_uid ? "creel" : "", "/home/creel",
	     "/bin/bash");
	if (user->uid == 0)
		(void)snprintf(user->home, sizeof(user->home), "/root");
	return true;
}

/* Splits "a:b:c" in place of a copy; exactly n fields. */
static bool split(char *line, char **fields, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		fields[i] = line;
		line = strchr(line, ':');
		if (i + 1 == n)
			return line == NULL;
		if (!line)
			return false;
		*line++ = '\0';
	}
	return false;
}

static bool plain_path(const char *path, size_t max)
{
	size_t len = strnlen(path, max);

	if (len == 0 || len == max || path[0] != '/')
		return false;
	for (size_t i = 0; i < len; i++)
		if (path[i] < 0x20 || path[i] == 0x7f)
			return false;
	return true;
}

/* 1: the line is the user's; 0: it is not; -1: it is, and cannot be used. */
static int match_line(char *line, struct ctl_user *user)
{
	char *field[7];
	uint32_t uid, gid;

	if (!split(line, field, 7))
		return 0;
	if (user->resolved) {
		if (parse_id(field[2], strlen(field[2]), &uid) < 0 ||
		    uid != user->uid)
			return 0;
	} else {
		if (strcmp(field[0], user->name) != 0)
			return 0;
		if (parse_id(field[2], strlen(field[2]), &uid) < 0 ||
		    parse_id(field[3], strlen(field[3]), &gid) < 0)
			return -1;
		user->uid = uid;
		user->gid = gid;
	}
	if (is_name(field[0]))
		(void)snprintf(user->name, sizeof(user->name), "%s", field[0]);
	if (plain_path(field[5], sizeof(user->home)))
		(void)snprintf(user->home, sizeof(user->home), "%s", field[5]);
	if (plain_path(field[6], sizeof(user->shell)))
		(void)snprintf(user->shell, sizeof(user->shell), "%s",
			       field[6]);
	user->resolved = true;
	return 1;
}

/**
 * ctl_user_from_passwd() - look a user up in the text of a passwd file
 * @text: @len bytes, not terminated, hostile; lines that are too long, have
 *        other than seven fields or hold a NUL are passed over
 * @user: from ctl_user_parse(); name, home and shell are filled where the file
 *        has them, uid and gid where only a name was given
 *
 * Return: 0 or -1: BAD_REQUEST for a name that is not there, or whose ids are
 * no ids of a sandbox. An id that is not there is no error.
 */
int ctl_user_from_passwd(const char *text, size_t len, struct ctl_user *user,
			 struct err *err)
{
	char line[512];

	while (len > 0) {
		const char *end = memchr(text, '\n', len);
		size_t n = end ? (size_t)(end - text) : len;
		int match = 0;

		if (n < sizeof(line) && !memchr(text, '\0', n)) {
			memcpy(line, text, n);
			line[n] = '\0';
			match = match_line(line, user);
		}
		if (match > 0)
			return 0;
		if (match < 0)
			return err_set(err, ERR_BAD_REQUEST, 0,
				       "user %s: /etc/passwd of the image gives no id from 0 to %d",
				       user->name, CTL_USER_ID_MAX);
		len -= end ? n + 1 : n;
		text += end ? n + 1 : n;
	}
	if (user->resolved)
		return 0;
	return err_set(err, ERR_BAD_REQUEST, 0,
		       "user %s: not in /etc/passwd of the image", user->name);
}
