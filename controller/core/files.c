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
	size_t more = spec->hosts ? strlen(spec->hosts) : 0;

	if (spec->host_net) {
		ctl_file_copy("/etc/hosts", more, out);
	} else {
		out->len = 0;
		add(out, "127.0.0.1\tlocalhost\n"
			 "::1\tlocalhost ip6-localhost ip6-loopback\n");
	}
	add(out, "127.0.1.1\t%s\n%s", spec->hostname,
	    more ? spec->hosts : "");
}

/* What a file of the host says beside its name servers. */
static void keep_others(struct ctl_file *out)
{
	static const char word[] = "nameserver";
	size_t used = 0;

	for (char *line = out->text; *line;) {
		size_t len = strcspn(line, "\n");

		len += line[len] == '\n';
		if (strncmp(line + strspn(line, " \t"), word,
			    sizeof(word) - 1) != 0) {
			memmove(out->text + used, line, len);
			used += len;
		}
		line += len;
	}
	out->text[used] = '\0';
	out->len = used;
}

/**
 * ctl_file_resolv() - the name servers asked for, or the host's
 */
void ctl_file_resolv(const struct ctl_spec *spec, struct ctl_file *out)
{
	out->len = 0;
	out->text[0] = '\0';
	if (spec->host_net)
		ctl_file_copy("/etc/resolv.conf",
			      spec->resolv ? strlen(spec->resolv) : 0, out);
	if (!spec->resolv)
		return;
	keep_others(out);
	if (out->len > 0 && out->text[out->len - 1] != '\n')
		add(out, "\n");
	add(out, "%s", spec->resolv);
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
 * @more: bytes that will be added, beside a line with the sandbox's name
 * @out:  empty where the file cannot be read
 */
void ctl_file_copy(const char *path, size_t more, struct ctl_file *out)
{
	auto_fd fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t most = sizeof(out->text) - 1 - 100 - more;
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
