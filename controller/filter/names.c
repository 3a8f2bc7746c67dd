// SPDX-License-Identifier: Apache-2.0
/*
 * Names of system calls.  The library knows those of its own time; a profile
 * may be newer.  From number 424 on all architectures share their numbers.
 */
#include <config.h>

#include "controller/filter/profile.h"

#include <string.h>

#include <seccomp.h>

static const struct {
	const char *name;
	int number;
} newer[] = {
#ifdef __x86_64__
	{ "uretprobe", 335 },	    { "uprobe", 336 },
#endif
	{ "cachestat", 451 },	    { "fchmodat2", 452 },
	{ "map_shadow_stack", 453 }, { "futex_wake", 454 },
	{ "futex_wait", 455 },	    { "futex_requeue", 456 },
	{ "statmount", 457 },	    { "listmount", 458 },
	{ "lsm_get_self_attr", 459 }, { "lsm_set_self_attr", 460 },
	{ "lsm_list_modules", 461 }, { "mseal", 462 },
	{ "setxattrat", 463 },	    { "getxattrat", 464 },
	{ "listxattrat", 465 },	    { "removexattrat", 466 },
	{ "open_tree_attr", 467 },  { "file_getattr", 468 },
	{ "file_setattr", 469 },    { "listns", 470 },
};

/**
 * flt_syscall_number() - the number of a system call
 *
 * Return: negative for one of other architectures, __NR_SCMP_ERROR where
 * nobody knows the name.
 */
int flt_syscall_number(const char *name)
{
	int number = seccomp_syscall_resolve_name(name);

	if (number != __NR_SCMP_ERROR)
		return number;
	for (size_t i = 0; i < sizeof(newer) / sizeof(newer[0]); i++)
		if (!strcmp(newer[i].name, name))
			return newer[i].number;
	return __NR_SCMP_ERROR;
}
