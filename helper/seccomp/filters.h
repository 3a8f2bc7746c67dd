/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seccomp programs that the build makes (gen-filters.c).
 */
#ifndef HELPER_SECCOMP_FILTERS_H
#define HELPER_SECCOMP_FILTERS_H

#include <linux/filter.h>

enum hlp_profile {
	HLP_PROFILE_INVALID = 0,
	HLP_PROFILE_BASELINE, /* under everything: what a browser or apt needs */
	HLP_PROFILE_AGENT,    /* the default */
	HLP_PROFILE_STRICT,   /* no network families, no ptrace */
	HLP_PROFILE_INIT,     /* pid 1: baseline and clone3 */
	HLP_PROFILE_COUNT,
};

/* The program of a profile; its members are never written to. */
const struct sock_fprog *hlp_filter(enum hlp_profile profile);

#endif
