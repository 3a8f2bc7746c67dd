// SPDX-License-Identifier: Apache-2.0
/*
 * Generated files.  Of the host only resolv.conf and hosts are read, for a
 * sandbox that shares the host's network.
 */
#include <config.h>

#include "controller/core/files.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "controller/core/spec.h"
#include "proto/cleanup.h"

static void __attribute__((format(printf, 2, 3)))
add(struct ctl_file *out, const char *fmt, ...)
{
	size_t room = sizeof(out->text) - out->len;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(out->text + out->len, room, fmt, args);
	va_end(args);
	if (n > 0 && (size_t)n < room)
		out->len += (size_t)n;
	else
		out->text[out->len] = '\0';
}

/**
 * ctl_file_passwd() - root, nobody and the sandbox's own user
 */
void ctl_file_passwd(const struct ctl_spec *spec, struct ctl_file *out)
{
	out->len = 0;
	add(out, "root:x:0:%u:root:/root:/bin/bash\n",
	    spec->uid == 0 ? spec->gid : 0);
	if (spec->uid != 0 && spec->uid != CTL_USER_NOBODY_ID)
		add(out, "creel:x:%u:%u:creel:/home/creel:/bin/bash\n",
		    spec->uid, spec->gid);
	add(out,
	    "nobody:x:%d:%d:nobody:/nonexistent:/usr/sbin/nologin\n",
	    CTL_USER_NOBODY_ID, CTL_USER_NOBODY_ID);
}

/**
 * ctl_file_group() - their groups
 */
void ctl_file_group(const struct ctl_spec *spec, struct ctl_file *out)
{
	out->len = 0;
	add(out, "root:x:0:\ntty:x:5:\n");
	if (spec->gid != 0 && spec->gid != 5 &&
	    spec->gid != CTL_USER_NOBODY_ID)
		add(out, "creel:x:%u:\n", spec->gid);
	add(out, "nogroup:x:%d:\n", CTL_USER_NOBODY_ID);
}

/**
 * ctl_file_hosts() - localhost and the sandbox's own name
 */
void ctl_file_hosts(const struct ctl_spec *spec, struct ctl_file *out)
{
	if (spec->host_net) {
		ctl_file_copy("/etc/hosts", out);
	} else {
		out->len = 0;
		add(out, "127.0.0.1\tlocalhost\n"
			 "::1\tlocalhost ip6-localhost ip6-loopback\n");
	}
	add(out, "127.0.1.1\t%s\n", spec->hostname);
}

/**
 * ctl_file_hostname() - /etc/hostname
 */
void ctl_file_hostname(const struct ctl_spec *spec, struct ctl_file *out)
{
	out->len = 0;
	add(out, "%s\n", spec->hostname);
}

/**
 * ctl_file_copy() - a file of the host, as many whole lines of it as fit
 * @out: empty where the file cannot be read
 */
void ctl_file_copy(const char *path, struct ctl_file *out)
{
	auto_fd fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	/* The sandbox's own name is to be added. */
	size_t most = sizeof(out->text) - 1 - 100;
	ssize_t got = 0;

	out->len = 0;
	while (fd >= 0 && out->len < most) {
		got = read(fd, out->text + out->len, most - out->len);
		if (got <= 0)
			break;
		out->len += (size_t)got;
	}
	if (out->len == most)
		while (out->len > 0 && out->text[out->len - 1] != '\n')
			out->len--;
	out->text[out->len] = '\0';
}
