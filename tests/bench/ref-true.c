// SPDX-License-Identifier: Apache-2.0
/*
 * The small static reference program of the bench: does nothing, successfully.
 */
#include <config.h>

int main(void)
{
	return 0;
}
