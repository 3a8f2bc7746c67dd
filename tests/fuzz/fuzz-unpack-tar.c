// SPDX-License-Identifier: Apache-2.0
/*
 * Fuzz target of the unpacker: each input is an archive, unpacked to a
 * directory beside a canary.
 */
#include <config.h>

#include <err.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/core/remove.h"
#include "controller/image/unpack.h"
#include "proto/cleanup.h"
#include "tests/fuzz/fuzz.h"

#define CANARY "tweety"
#define BLOCK 512
#define INPUT_MAX_BYTES (256 * 1024)

const struct fuzz_protocol fuzz_protocol = {
	.name = "unpack-tar",
};

struct input {
	const uint8_t *data;
	size_t left;
};

static char top[64];
static int top_fd = -1;

static void remove_root(void)
{
	enum ctl_removed result;

	do {
		unsigned int budget = UINT_MAX;

		result = ctl_remove_tree(top_fd, "root", &budget);
	} while (result == CTL_REMOVED_PART);
	if (result != CTL_REMOVED_ALL)
		abort();
}

static void make_root(void)
{
	if (mkdirat(top_fd, "root", 0755))
		err(1, "%s/root", top);
}

static void finish(void)
{
	remove_root();
	(void)unlinkat(top_fd, "canary", 0);
	(void)rmdir(top);
}

static void begin(void)
{
	/* In memory: there are thousands of files a second. */
	const char *tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	auto_fd fd = -1;

	(void)snprintf(top, sizeof(top), "%s/fuzz-XXXXXX", tmp);
	if (!mkdtemp(top))
		err(1, "%s", top);
	top_fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd = openat(top_fd, "canary", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, CANARY, strlen(CANARY)) < 0)
		err(1, "%s", top);
	make_root();
	if (atexit(finish))
		err(1, "atexit");
}

/* Nothing beside the root has come, gone or changed. */
static void check_outside(void)
{
	char text[sizeof(CANARY) + 1] = "";
	auto_fd fd = openat(top_fd, "canary", O_RDONLY | O_CLOEXEC);
	struct stat st, all;

	if (fd < 0 || fstat(fd, &st) || fstat(top_fd, &all) ||
	    st.st_nlink != 1 || all.st_nlink != 3 ||
	    read(fd, text, sizeof(text)) != (ssize_t)strlen(CANARY) ||
	    strcmp(text, CANARY) != 0)
		abort();
}

static ssize_t read_input(void *arg, void *buf, size_t len)
{
	struct input *input = arg;

	if (len > input->left)
		len = input->left;
	memcpy(buf, input->data, len);
	input->data += len;
	input->left -= len;
	return (ssize_t)len;
}

/* What looks like a header gets a checksum that is right: all else follows. */
static void seal(uint8_t *data, size_t size)
{
	for (size_t at = 0; at + BLOCK <= size; at += BLOCK) {
		uint8_t *block = data + at;
		unsigned int sum = 0;
		char text[8];

		if (memcmp(block + 257, "ustar", 5) != 0)
			continue;
		memset(block + 148, ' ', 8);
		for (size_t i = 0; i < BLOCK; i++)
			sum += block[i];
		(void)snprintf(text, sizeof(text), "%06o", sum & 0777777);
		memcpy(block + 148, text, 7);
	}
}

/**
 * LLVMFuzzerTestOneInput() - one archive
 *
 * Return: 0. Aborts where something that must hold does not.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t xz[] = { 0xfd, '7', 'z', 'X', 'Z' };
	static uint8_t copy[INPUT_MAX_BYTES];
	static struct unpack unpack;
	struct input input = { copy, size };
	struct err err = ERR_INIT;
	auto_fd root_fd = -1;
	int ret;

	/* Takes as much memory as it is told to; creel-unpack has a limit. */
	if (size >= sizeof(xz) && !memcmp(data, xz, sizeof(xz)))
		return 0;
	if (size > sizeof(copy))
		return 0;
	memcpy(copy, data, size);
	seal(copy, size);
	if (top_fd < 0)
		begin();
	root_fd = openat(top_fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	unpack_init(&unpack, root_fd, read_input, &input);
	unpack.max_entries = 500;
	unpack.max_bytes = UINT64_C(1) << 33;
	ret = unpack_run(&unpack, &err);
	/* A failure says why, and a success says nothing. */
	if ((ret == 0) != (err.code == ERR_NONE) || (ret && !err.text[0]) ||
	    unpack.stats.entries > unpack.max_entries ||
	    unpack.stats.bytes > unpack.max_bytes || unpack.parent_fd >= 0)
		abort();
	check_outside();
	if (unpack.stats.entries > 0) {
		remove_root();
		make_root();
	}
	return 0;
}
