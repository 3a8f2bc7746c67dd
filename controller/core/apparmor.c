// SPDX-License-Identifier: Apache-2.0
/*
 * The AppArmor profile of a sandbox's commands.  Which profiles are loaded is
 * root's to see; the kernel says so when a command starts.  Whether there is
 * AppArmor at all is said before anything is made.
 */
#include <config.h>

#include "controller/core/spec.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proto/cleanup.h"

#define SWITCH "/sys/module/apparmor/parameters/enabled"

static bool is_enabled(void)
{
	auto_fd fd = open(SWITCH, O_RDONLY | O_CLOEXEC);
	char word = 'N';

	return fd >= 0 && read(fd, &word, 1) == 1 && word == 'Y';
}

/* No blank: the kernel would read what follows it as something else. */
static bool is_profile(const char *text)
{
	size_t len = strnlen(text, CTL_APPARMOR_MAX + 1);

	if (len > CTL_APPARMOR_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (text[i] <= 0x20 || text[i] > 0x7e)
			return false;
	return true;
}

/**
 * ctl_apparmor_set() - what confines the commands of a sandbox beside creel
 * @profile: "" none; "unconfined", as Docker has it, none either: what holds
 *           for creel itself goes on to hold
 *
 * Return: 0 or -1: UNSUPPORTED where the kernel has no AppArmor.
 */
int ctl_apparmor_set(struct ctl_spec *spec, const char *profile,
		     struct ctl_fail *fail)
{
	if (!profile[0] || strcmp(profile, "unconfined") == 0)
		return 0;
	if (!is_profile(profile))
		return err_set(&fail->err, ERR_BAD_REQUEST, 0,
			       "--apparmor: not a profile's name of 1 to %d characters without blanks",
			       CTL_APPARMOR_MAX);
	if (!is_enabled())
		return err_set(&fail->err, ERR_UNSUPPORTED, 0,
			       "--apparmor %.60s: AppArmor is not enabled in this kernel",
			       profile);
	(void)snprintf(spec->apparmor, sizeof(spec->apparmor), "%s", profile);
	return 0;
}
