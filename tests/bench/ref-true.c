// SPDX-License-Identifier: Apache-2.0
/*
 * The small static reference program of the bench: does nothing, successfully.
 */
int main(void)
{
	return 0;
}
