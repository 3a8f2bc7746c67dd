// SPDX-License-Identifier: Apache-2.0
/*
 * What the tools that read and write files say.
 */
#include <config.h>

#include "controller/tools/file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <nettle/base64.h>

static const struct {
	int sys;
	const char *code;
	const char *text;
} reasons[] = {
	{ ENOENT, "not_found", "no such file or directory" },
	{ EISDIR, "is_directory", "is a directory" },
	{ ENOTDIR, "not_a_directory", "a part of the path is no directory" },
	{ ELOOP, "symbolic_link",
	  "is a symbolic link, or leads through one; none is followed" },
	{ ENXIO, "not_regular", "is no regular file" },
	{ EACCES, "denied", "permission denied" },
	{ EPERM, "denied", "not permitted" },
	{ EROFS, "read_only", "is on a read-only file system" },
	{ EXDEV, "denied", "leads out of the workspace" },
	{ EEXIST, "exists", "is there already" },
	{ ESTALE, "changed", "was changed meanwhile; read it again" },
	{ ENAMETOOLONG, "invalid_argument", "a name in the path is too long" },
	{ EILSEQ, "invalid_argument", "the file system takes no such name" },
	{ EFBIG, "too_large", "is too large" },
	{ EOVERFLOW, "too_large", "is too large" },
	{ E2BIG, "too_large", "is one of too many" },
	{ EMSGSIZE, "too_large", "is one of too many with long names" },
	{ ENOSPC, "no_space", "no space is left" },
	{ EDQUOT, "no_space", "the quota is used up" },
	{ ENOMEM, "failed", "out of memory" },
	{ ETXTBSY, "busy", "is a program that runs" },
	{ EBUSY, "busy", "is protected, or in use" },
	{ ETIMEDOUT, "timeout", "took too long" },
	{ ECANCELED, "cancelled", "the call was cancelled" },
	{ ESHUTDOWN, "sandbox_gone", "the sandbox is gone" },
};

/**
 * tool_file_code() - an errno as a word
 */
const char *tool_file_code(int sys)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
		if (reasons[i].sys == sys)
			return reasons[i].code;
	return "failed";
}

/**
 * tool_file_text() - an errno in words
 */
const char *tool_file_text(int sys)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++)
		if (reasons[i].sys == sys)
			return reasons[i].text;
	return err_sys_text(sys);
}

/**
 * tool_fail_file() - the end of a call that a file's state brings
 * @path: as it was given
 */
void tool_fail_file(struct tool_call *call, const char *path, int sys)
{
	tool_fail(call, tool_file_code(sys), "%s: %s: %s", call->tool->name,
		  path, tool_file_text(sys));
}

/**
 * tool_fail_path() - the end of a call whose path was refused
 */
void tool_fail_path(struct tool_call *call, const struct err *err)
{
	const char *code = "failed";

	if (err->code == ERR_DENIED)
		code = "denied";
	else if (err->code == ERR_BAD_REQUEST)
		code = "invalid_argument";
	tool_fail(call, code, "%s: %s", call->tool->name, err->text);
}

static const struct {
	const char *type;
	size_t at, len;
	const char *bytes;
} magics[] = {
	{ "image/png", 0, 8, "\x89PNG\r\n\x1a\n" },
	{ "image/jpeg", 0, 3, "\xff\xd8\xff" },
	{ "image/gif", 0, 6, "GIF87a" },
	{ "image/gif", 0, 6, "GIF89a" },
	{ "image/webp", 8, 4, "WEBP" },
};

/**
 * tool_image_type() - of a file, by its beginning
 */
const char *tool_image_type(const char *bytes, size_t len)
{
	for (size_t i = 0; i < sizeof(magics) / sizeof(*magics); i++) {
		const size_t end = magics[i].at + magics[i].len;

		if (len < end ||
		    memcmp(bytes + magics[i].at, magics[i].bytes,
			   magics[i].len) != 0)
			continue;
		if (magics[i].at == 0 || memcmp(bytes, "RIFF", 4) == 0)
			return magics[i].type;
	}
	return NULL;
}

/**
 * tool_base64() - bytes as text
 */
char *tool_base64(const char *bytes, size_t len)
{
	const size_t size = BASE64_ENCODE_RAW_LENGTH(len);
	char *text = malloc(size + 1);

	if (!text)
		return NULL;
	base64_encode_raw(text, len, (const uint8_t *)bytes);
	text[size] = '\0';
	return text;
}
