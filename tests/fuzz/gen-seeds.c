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
#include <string.h>
#include <sys/stat.h>

#include "tests/unit/golden.h"

static void write_seed(const struct golden *golden, const char *folder,
		       const char *dir)
{
	uint8_t buf[65536];
	char path[4096];
	size_t len = protobuf_c_message_get_packed_size(golden->msg);
	FILE *file;

	if (len > sizeof(buf))
		errx(1, "%s: too large", golden->name);
	protobuf_c_message_pack(golden->msg, buf);
	snprintf(path, sizeof(path), "%s/%s", dir, folder);
	(void)mkdir(path, 0777);
	snprintf(path, sizeof(path), "%s/%s/%s", dir, folder, golden->name);
	file = fopen(path, "we");
	if (!file || fwrite(buf, 1, len, file) != len || fclose(file))
		err(1, "%s", path);
}

/* What comes from creel-init is read by a target of its own, too. */
static void write_seeds(const struct golden *golden, void *data)
{
	write_seed(golden, golden->protocol, data);
	if (!strcmp(golden->protocol, "init") &&
	    !strncmp(golden->name, "event-", 6))
		write_seed(golden, "init-event", data);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		errx(2, "usage: gen-seeds DIR");
	golden_all(write_seeds, argv[1]);
	return 0;
}
