// SPDX-License-Identifier: Apache-2.0
/*
 * All golden messages.
 */
#include <config.h>

#include "tests/unit/golden.h"

/**
 * golden_all() - visit the golden messages of the three protocols
 */
void golden_all(golden_visit *visit, void *data)
{
	golden_helper(visit, data);
	golden_init(visit, data);
	golden_control(visit, data);
	golden_tools(visit, data);
}
