// SPDX-License-Identifier: Apache-2.0
/*
 * The small static reference program of the bench: does nothing, successfully.
 * Linked without libc, so that what is timed is the way to it and not its own
 * start.
 */

/**
 * _start() - where the kernel begins
 *
 * exit_group(0) and no more: there is no libc that could have been set up.
 */
__attribute__((noreturn)) void _start(void);

void _start(void)
{
	for (;;)
		__asm__ volatile("syscall"
				 :
				 : "a"(231), "D"(0)
				 : "rcx", "r11", "memory");
}
