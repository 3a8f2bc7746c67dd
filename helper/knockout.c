// SPDX-License-Identifier: Apache-2.0
/*
 * Test builds only: the layers that $CREEL_KNOCKOUT names, comma separated, are
 * left out.  Read once, before the environment is cleared.
 */
#include <config.h>

#include "helper/knockout.h"

#ifdef CREEL_KNOCKOUTS

#include <stdlib.h>
#include <string.h>

static const char *const names[HLP_LAYER_COUNT] = {
	[HLP_LAYER_SEAL] = "seal",
	[HLP_LAYER_SECCOMP] = "seccomp",
	[HLP_LAYER_CAPS] = "caps",
	[HLP_LAYER_LANDLOCK] = "landlock",
	[HLP_LAYER_MAX_USERNS] = "max_userns",
	[HLP_LAYER_MASKS] = "masks",
	[HLP_LAYER_CGROUPNS] = "cgroupns",
	[HLP_LAYER_NETNS] = "netns",
	[HLP_LAYER_NNP] = "nnp",
	[HLP_LAYER_DUMPABLE] = "dumpable",
	[HLP_LAYER_FDS] = "fds",
};

static bool out[HLP_LAYER_COUNT];

/**
 * hlp_knockout_read() - learn which layers are off
 *
 * An unknown name ends the process: a test that misspells a layer must not
 * pass because nothing was switched off.
 */
void hlp_knockout_read(void)
{
	const char *at = getenv("CREEL_KNOCKOUT");

	while (at && *at) {
		size_t len = strcspn(at, ",");
		size_t i = 0;

		while (i < HLP_LAYER_COUNT &&
		       (strlen(names[i]) != len || memcmp(names[i], at, len)))
			i++;
		if (i == HLP_LAYER_COUNT)
			abort();
		out[i] = true;
		at += len;
		if (*at == ',')
			at++;
	}
}

/**
 * hlp_knocked_out() - whether @layer is off in this process
 */
bool hlp_knocked_out(enum hlp_layer layer)
{
	return out[layer];
}

#else

/* ISO C forbids an empty translation unit. */
typedef int hlp_knockout_none;

#endif
