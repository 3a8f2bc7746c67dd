// SPDX-License-Identifier: Apache-2.0
/*
 * manifest.json: what people want to know of an image.  It lies beside the
 * tree, where no sandbox sees it.
 */
#include <config.h>

#include "controller/image/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <jansson.h>

#include "proto/cleanup.h"

#define MANIFEST "manifest.json"
#define MANIFEST_MAX_BYTES 65536

/* Whatever bytes a path has: JSON has UTF-8 alone. */
static json_t *text_or_ascii(const char *text)
{
	json_t *json = json_string(text);
	char plain[1024];
	size_t i;

	if (json)
		return json;
	for (i = 0; i < sizeof(plain) - 1 && text[i]; i++)
		plain[i] = text[i] & 0x80 ? '?' : text[i];
	plain[i] = '\0';
	return json_string(plain);
}

/**
 * img_manifest_write() - write it into a stage, and to disk
 */
int img_manifest_write(int dir_fd, const struct img_manifest *manifest,
		       struct err *err)
{
	json_t *json = json_pack(
		"{s:s, s:s, s:I, s:o, s:I, s:I, s:I, s:I, s:o}", "name",
		manifest->name, "creel", manifest->version, "created",
		(json_int_t)manifest->created, "source",
		text_or_ascii(manifest->source), "entries",
		(json_int_t)manifest->entries, "bytes",
		(json_int_t)manifest->bytes, "devices",
		(json_int_t)manifest->devices, "stripped",
		(json_int_t)manifest->stripped, "digest",
		manifest->digest[0] ? json_string(manifest->digest) :
				      json_null());
	auto_fd fd = openat(dir_fd, MANIFEST,
			    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int ret = -1;

	if (json && fd >= 0)
		ret = json_dumpfd(json, fd, JSON_INDENT(2));
	json_decref(json);
	if (ret < 0 || write(fd, "\n", 1) != 1 || fsync(fd) < 0)
		return err_set(err, ERR_KERNEL, errno, "image: write " MANIFEST);
	return 0;
}

static void copy_text(const json_t *json, const char *key, char *to,
		      size_t size)
{
	const char *text = json_string_value(json_object_get(json, key));

	(void)snprintf(to, size, "%s", text ? text : "");
}

static uint64_t number(const json_t *json, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(json, key));

	return value > 0 ? (uint64_t)value : 0;
}

static json_t *load(int dir_fd)
{
	auto_fd fd = openat(dir_fd, MANIFEST,
			    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY |
				    O_CLOEXEC);
	auto_free char *text = NULL;
	struct stat st;
	ssize_t got;

	if (fd < 0 || fstat(fd, &st) < 0)
		return NULL;
	errno = EINVAL;
	if (!S_ISREG(st.st_mode) || st.st_size > MANIFEST_MAX_BYTES)
		return NULL;
	text = malloc(MANIFEST_MAX_BYTES);
	got = text ? read(fd, text, MANIFEST_MAX_BYTES) : -1;
	if (got < 0)
		return NULL;
	errno = EINVAL;
	return json_loadb(text, (size_t)got, JSON_REJECT_DUPLICATES, NULL);
}

/**
 * img_manifest_read() - read it, bounded
 * @manifest: filled, but for its name; what is missing is empty or 0
 */
int img_manifest_read(int dir_fd, struct img_manifest *manifest,
		      struct err *err)
{
	json_t *json = load(dir_fd);

	if (!json_is_object(json)) {
		json_decref(json);
		return err_set(err, ERR_KERNEL, errno, "image: " MANIFEST);
	}
	copy_text(json, "source", manifest->source, sizeof(manifest->source));
	copy_text(json, "digest", manifest->digest, sizeof(manifest->digest));
	copy_text(json, "creel", manifest->version, sizeof(manifest->version));
	manifest->created = number(json, "created");
	manifest->entries = number(json, "entries");
	manifest->bytes = number(json, "bytes");
	manifest->devices = number(json, "devices");
	manifest->stripped = number(json, "stripped");
	json_decref(json);
	return 0;
}
