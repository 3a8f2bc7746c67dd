/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layers that a test build can switch off one by one, so that the tests can
 * show that the others hold. Constant false in every other build.
 */
#ifndef HELPER_KNOCKOUT_H
#define HELPER_KNOCKOUT_H

#include <stdbool.h>

#define HLP_LEAKED_FD 63 /* HLP_LAYER_FDS: a directory of the host */

enum hlp_layer {
	HLP_LAYER_SEAL = 0,
	HLP_LAYER_SECCOMP,
	HLP_LAYER_CAPS,
	HLP_LAYER_LANDLOCK,
	HLP_LAYER_MAX_USERNS,
	HLP_LAYER_MASKS,
	HLP_LAYER_CGROUPNS,
	HLP_LAYER_NETNS,
	HLP_LAYER_NNP,
	HLP_LAYER_DUMPABLE,
	HLP_LAYER_FDS, /* one host directory descriptor is leaked on purpose */
	HLP_LAYER_COUNT,
};

#ifdef CREEL_KNOCKOUTS
void hlp_knockout_read(void);
bool hlp_knocked_out(enum hlp_layer layer);
#else
static inline void hlp_knockout_read(void)
{
}

static inline bool hlp_knocked_out(enum hlp_layer layer)
{
	(void)layer;
	return false;
}
#endif

#endif
