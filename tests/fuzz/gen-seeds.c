// SPDX-License-Identifier: Apache-2.0
/*
 * Writes the golden messages below a folder: the seeds of the fuzz targets.
 * Run it by "make -C tests seeds" after a change of the protocols.
 */
#include <config.h>

#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tests/unit/golden.h"

static void write_seed(const struct golden *golden, void *data)
{
	uint8_t buf[65536];
	char path[4096];
	size_t len = protobuf_c_message_get_packed_size(golden->msg);
	FILE *file;

	if (len > sizeof(buf))
		errx(1, "%s: too large", golden->name);
	protobuf_c_message_pack(golden->msg, buf);
	snprintf(path, sizeof(path), "%s/%s", (const char *)data,
		 golden->protocol);
	(void)mkdir(path, 0777);
	snprintf(path, sizeof(path), "%s/%s/%s", (const char *)data,
		 golden->protocol, golden->name);
	file = fopen(path, "we");
	if (!file || fwrite(buf, 1, len, file) != len || fclose(file))
		err(1, "%s", path);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		errx(2, "usage: gen-seeds DIR");
	golden_all(write_seed, argv[1]);
	return 0;
}
