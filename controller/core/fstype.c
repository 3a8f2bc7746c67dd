// SPDX-License-Identifier: Apache-2.0
/*
 * File systems that a process or another machine serves.  Asked of mountinfo,
 * which the kernel answers alone: statfs(2) would ask the server.
 */
#include <config.h>

#include "controller/core/fstype.h"

#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

static const char *const served[] = { "fuse", "nfs", "cifs", "smb3", "9p",
				      "ceph", "afs", "virtiofs" };

static bool is_served(const char *type)
{
	for (size_t i = 0; i < sizeof(served) / sizeof(served[0]); i++)
		if (strncmp(type, served[i], strlen(served[i])) == 0)
			return true;
	return false;
}

static bool is_fuse(const char *type)
{
	return strncmp(type, served[0], strlen(served[0])) == 0;
}

static bool has_type(dev_t dev, bool (*is_it)(const char *type))
{
	char line[4096], want[32];
	bool found = false;
	FILE *file;

	/* Only file systems without a block device of their own. */
	if (major(dev) != 0)
		return false;
	(void)snprintf(want, sizeof(want), " %u:%u ", major(dev), minor(dev));
	file = fopen("/proc/self/mountinfo", "re");
	while (file && !found && fgets(line, sizeof(line), file)) {
		const char *type = strstr(line, " - ");

		found = type && strstr(line, want) && is_it(type + 3);
	}
	if (file)
		(void)fclose(file);
	return found;
}

/**
 * ctl_fstype_waits() - may a lookup on this device wait for a server?
 */
bool ctl_fstype_waits(dev_t dev)
{
	return has_type(dev, is_served);
}

/**
 * ctl_fstype_is_fuse() - is the server a process of any user's?
 */
bool ctl_fstype_is_fuse(dev_t dev)
{
	return has_type(dev, is_fuse);
}
