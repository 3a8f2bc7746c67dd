// SPDX-License-Identifier: Apache-2.0
/*
 * The fuzz targets without libFuzzer: every seed as it is, cut at each byte,
 * and with bytes changed at random.  A failure aborts, which the TAP harness
 * sees as a missing line.
 */
#include <config.h>

#include <dirent.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

#define SIZE 65536

static uint8_t seed[SIZE];
static uint8_t changed[SIZE];

static void replay(const char *path, unsigned long rounds)
{
	FILE *file = fopen(path, "re");
	size_t len;

	if (!file)
		err(1, "%s", path);
	len = fread(seed, 1, sizeof(seed), file);
	fclose(file);
	for (size_t cut = 0; cut <= len; cut++)
		LLVMFuzzerTestOneInput(seed, cut);
	for (unsigned long i = 0; len > 0 && i < rounds; i++) {
		size_t used = len;

		memcpy(changed, seed, len);
		for (int k = 0; k < 3; k++)
			changed[(size_t)random() % len] = (uint8_t)random();
		/* Doubled, so that fields come twice. */
		if (random() % 4 == 0 && 2 * len <= sizeof(changed)) {
			memcpy(changed + len, seed, len);
			used = 2 * len;
		}
		LLVMFuzzerTestOneInput(changed, used);
	}
}

int main(void)
{
	const char *top = getenv("top_srcdir");
	const char *text = getenv("CREEL_TEST_SCALE");
	unsigned long scale = text ? strtoul(text, NULL, 10) : 1;
	struct dirent **entries;
	char dir[2048];
	int count;

	snprintf(dir, sizeof(dir), "%s/tests/fuzz/corpus/%s", top ? top : ".",
		 fuzz_protocol.name);
	count = scandir(dir, &entries, NULL, alphasort);
	if (count < 0)
		err(1, "%s", dir);
	srandom(20261123);
	printf("1..%d\n", count - 2);
	for (int i = 0, n = 0; i < count; i++) {
		char path[4096];

		if (entries[i]->d_name[0] != '.') {
			snprintf(path, sizeof(path), "%s/%s", dir,
				 entries[i]->d_name);
			replay(path, 100000 / (scale ? scale : 1));
			printf("ok %d - %s\n", ++n, entries[i]->d_name);
			fflush(stdout);
		}
		free(entries[i]);
	}
	free(entries);
	return 0;
}
