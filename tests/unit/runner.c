// SPDX-License-Identifier: Apache-2.0
/*
 * main() of the unit tests.
 */
#include <config.h>

#include "tests/unit/runner.h"

#include <dirent.h>
#include <stdlib.h>

/**
 * test_rounds() - how often a loop of a test is to run
 * @full: rounds of "make check-long"
 */
unsigned long test_rounds(unsigned long full)
{
	const char *text = getenv("CREEL_TEST_SCALE");
	unsigned long scale = text ? strtoul(text, NULL, 10) : 1;

	if (scale == 0)
		scale = 1;
	return full / scale > 0 ? full / scale : 1;
}

/**
 * test_count_fds() - open descriptors of this process
 */
size_t test_count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t count = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

int main(void)
{
	SRunner *runner = srunner_create(test_suite());
	int failed;

	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
