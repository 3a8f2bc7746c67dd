// SPDX-License-Identifier: Apache-2.0
/*
 * The mounts of a sandbox: targets normalised, doubles refused, order by
 * depth, and the defaults for what nobody asked for.
 */
#include <config.h>

#include "controller/core/spec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/cleanup.h"

/* creel makes these itself; a mount over them would undo their protection. */
static const char *const reserved[] = { "/proc", "/dev", "/sys" };

/* Appends one component; "." and "" add nothing. */
static int append(char *out, const char *part, size_t len, struct err *err)
{
	size_t used = strlen(out);

	if (len == 0 || (len == 1 && part[0] == '.'))
		return 0;
	if (len == 2 && part[0] == '.' && part[1] == '.')
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "the path has a '..' in it");
	if (len > 255)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "a name in the path is longer than 255 bytes");
	out[used] = '/';
	memcpy(out + used + 1, part, len);
	out[used + 1 + len] = '\0';
	return 0;
}

/**
 * ctl_target_normalise() - a path inside a sandbox, in its one spelling
 * @text:   absolute, without "..", without control characters
 * @target: filled with an owned string: no double or trailing slash, no "."
 *
 * Return: 0 or -1 with BAD_REQUEST. "/" stays "/".
 */
int ctl_target_normalise(const char *text, char **target, struct err *err)
{
	size_t len = strnlen(text, WIRE_PATH_MAX_BYTES);
	auto_free char *out = calloc(1, len + 2);

	if (!out)
		return err_set(err, ERR_KERNEL, ENOMEM, "path");
	if (text[0] != '/')
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "the path is not absolute");
	if (len == WIRE_PATH_MAX_BYTES)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "the path is longer than %d bytes",
			       WIRE_PATH_MAX_BYTES - 1);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return err_set(err, ERR_BAD_REQUEST, 0,
				       "the path has a control character in it");
	for (const char *at = text; *at;) {
		size_t part = strcspn(at, "/");

		if (append(out, at, part, err) < 0)
			return -1;
		at += part;
		at += strspn(at, "/");
	}
	if (!out[0])
		out[0] = '/';
	*target = ptr_take(&out);
	return 0;
}

/**
 * ctl_target_is_reserved() - is it a place where nothing can be mounted?
 * @target: normalised
 */
bool ctl_target_is_reserved(const char *target)
{
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
		size_t len = strlen(reserved[i]);

		if (strncmp(target, reserved[i], len) == 0 &&
		    (target[len] == '\0' || target[len] == '/'))
			return true;
	}
	return strcmp(target, "/") == 0;
}

/* A default that is in the way goes; anything else is the caller's mistake. */
static int make_room(struct ctl_spec *spec, const struct ctl_mount *mount,
		     bool *skip, struct ctl_fail *fail)
{
	*skip = false;
	for (size_t i = 0; i < spec->n_mounts; i++) {
		struct ctl_mount *old = &spec->mounts[i];

		if (strcmp(old->target, mount->target) != 0)
			continue;
		if (mount->is_default) {
			*skip = true;
			return 0;
		}
		return err_set(&fail->err, ERR_BAD_REQUEST, 0,
			       "%.50s and %.50s have the same target",
			       old->what, mount->what);
	}
	if (spec->n_mounts == CTL_MAX_MOUNTS)
		return err_set(&fail->err, ERR_LIMIT, 0,
			       "%s: more than %d mounts", mount->what,
			       CTL_MAX_MOUNTS);
	return 0;
}

/**
 * ctl_mounts_add() - one more mount
 * @mount: borrowed; target as the caller wrote it, its fd taken over on success
 *
 * Return: 0 or -1; BAD_REQUEST for a target that is wrong, reserved or taken.
 */
int ctl_mounts_add(struct ctl_spec *spec, const struct ctl_mount *mount,
		   struct ctl_fail *fail)
{
	auto_free char *target = NULL;
	auto_free char *what = strdup(mount->what);
	struct ctl_mount copy = *mount;
	bool skip;

	if (!what)
		return err_set(&fail->err, ERR_KERNEL, ENOMEM, "mount");
	if (ctl_target_normalise(mount->target, &target, &fail->err) < 0)
		return err_wrap(&fail->err, "%.80s", mount->what);
	if (ctl_target_is_reserved(target))
		return err_set(&fail->err, ERR_BAD_REQUEST, 0,
			       "%.80s: nothing can be mounted on / or in /proc, /dev and /sys",
			       mount->what);
	copy.target = target;
	if (make_room(spec, &copy, &skip, fail) < 0)
		return -1;
	if (skip)
		return 0;
	copy.target = ptr_take(&target);
	copy.what = ptr_take(&what);
	spec->mounts[spec->n_mounts++] = copy;
	return 0;
}

static size_t depth(const char *target)
{
	size_t n = 0;

	for (; *target; target++)
		n += *target == '/';
	return n;
}

/* Insertion sort: stable, and there are 64 at most. */
static void sort_by_depth(struct ctl_spec *spec)
{
	for (size_t i = 1; i < spec->n_mounts; i++) {
		struct ctl_mount mount = spec->mounts[i];
		size_t at = i;

		while (at > 0 && depth(spec->mounts[at - 1].target) >
					 depth(mount.target)) {
			spec->mounts[at] = spec->mounts[at - 1];
			at--;
		}
		spec->mounts[at] = mount;
	}
}

static int add_default(struct ctl_spec *spec, const char *target,
		       uint32_t mode, struct ctl_fail *fail)
{
	struct ctl_mount mount = {
		.kind = CTL_MOUNT_TMPFS,
		.target = (char *)target,
		.what = (char *)target,
		.fd = -1,
		.mode = mode,
		.size = CTL_TMPFS_DEFAULT_BYTES,
		.is_default = true,
	};

	return ctl_mounts_add(spec, &mount, fail);
}

/**
 * ctl_mounts_finish() - add the defaults and put everything in order
 *
 * The workspace is a tmpfs unless it is mounted already or a session's
 * directory is still to come.
 */
int ctl_mounts_finish(struct ctl_spec *spec, struct ctl_fail *fail)
{
	if (add_default(spec, "/tmp", 01777, fail) < 0 ||
	    add_default(spec, "/var/tmp", 01777, fail) < 0 ||
	    add_default(spec, "/run", 0755, fail) < 0 ||
	    add_default(spec, spec->uid == 0 ? "/root" : "/home/creel", 0700,
			fail) < 0 ||
	    add_default(spec, spec->workdir, 0755, fail) < 0)
		return -1;
	sort_by_depth(spec);
	return 0;
}
