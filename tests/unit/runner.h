/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every unit test program: defines test_suite(), links runner.c, speaks TAP.
 */
#ifndef TESTS_UNIT_RUNNER_H
#define TESTS_UNIT_RUNNER_H

#include <stddef.h>

#include <check.h>

Suite *test_suite(void);

/* Rounds of a loop: divided by $CREEL_TEST_SCALE, at least one. */
unsigned long test_rounds(unsigned long full);

/* Open descriptors of this process. */
size_t test_count_fds(void);

#endif
