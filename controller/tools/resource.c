// SPDX-License-Identifier: Apache-2.0
/*
 * resources.read: a file of the workspace as a resource of MCP.
 */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "controller/config/utf8.h"
#include "controller/tools/file.h"
#include "controller/tools/tools.h"
#include "controller/tools/uri.h"
#include "proto/cleanup.h"

/* As JSON: text with more to escape is sent as bytes. */
#define MAX_JSON_BYTES (14U << 20)

static const struct tool_param params[] = {
	{ "uri", TOOL_KIND_STRING, .required = true, .min = 1, .max = 16384,
	  .help = "creel://workspace/PATH, percent-encoded." },
	{ .name = NULL },
};

/* Is it text, and none that escapes make too much of? */
static bool is_text(const struct tool_file *file)
{
	size_t size = file->len;

	if (cfg_utf8_valid(file->bytes, file->len) != file->len)
		return false;
	for (size_t i = 0; i < file->len; i++) {
		const unsigned char c = (unsigned char)file->bytes[i];

		if (c == 0)
			return false;
		if (c < 0x20)
			size += c == '\n' || c == '\t' || c == '\r' ? 1 : 5;
		else
			size += c == '"' || c == '\\';
	}
	return size <= MAX_JSON_BYTES;
}

static json_t *contents(const char *uri, const char *path,
			const struct tool_file *file)
{
	const char *type = tool_image_type(file->bytes, file->len);
	auto_free char *blob = NULL;

	if (!type)
		type = uri_mime(path);
	if (file->len == 0 || is_text(file))
		return json_pack("{s:s, s:s, s:s%}", "uri", uri, "mimeType",
				 type ? type : "text/plain", "text",
				 file->len ? file->bytes : "", file->len);
	blob = tool_base64(file->bytes, file->len);
	if (!blob)
		return NULL;
	return json_pack("{s:s, s:s, s:s}", "uri", uri, "mimeType",
			 type ? type : "application/octet-stream", "blob",
			 blob);
}

static void got_file(struct tool_call *call, const struct tool_file *file)
{
	const char *uri = tool_arg_string(call, "uri", "");
	const char *path = call->state;
	json_t *list;

	if (file->sys) {
		tool_fail_file(call, uri, file->sys);
		return;
	}
	if (file->more || file->len > TOOL_FILE_MAX_BYTES) {
		tool_fail(call, "too_large",
			  "resources.read: %s: has %" PRIu64
			  " bytes; at most %u are given",
			  uri, file->stamp.size, TOOL_FILE_MAX_BYTES);
		return;
	}
	list = json_pack("{s:[o], s:I}", "contents", contents(uri, path, file),
			 "size", (json_int_t)file->len);
	if (list)
		tool_done(call, list, NULL, 0);
	else
		tool_fail(call, "failed", "resources.read: out of memory");
}

static void start(struct tool_call *call)
{
	const char *uri = tool_arg_string(call, "uri", "");
	const size_t prefix = strlen(URI_WORKSPACE);
	struct tool_read what = { .max_bytes = TOOL_FILE_MAX_BYTES };
	struct err err = ERR_INIT;
	auto_free char *path = NULL;
	char *rel = NULL;

	if (strncmp(uri, URI_WORKSPACE, prefix) == 0)
		path = uri_decode(uri + prefix);
	if (!path) {
		tool_fail(call, "invalid_argument",
			  "resources.read: uri: expected " URI_WORKSPACE
			  "PATH, percent-encoded, got \"%.80s\"",
			  uri);
		return;
	}
	if (tool_resource_path(call, path, &rel, &err) < 0) {
		tool_fail_path(call, &err);
		return;
	}
	call->state = rel;
	what.path = rel;
	call->backend->read(call, &what, got_file);
}

const struct tool tool_resources_read = {
	.name = "resources.read",
	.policy = "read",
	.title = "Read a resource",
	.help = "A file of the workspace as a resource.",
	.flags = TOOL_READ_ONLY | TOOL_IDEMPOTENT | TOOL_HIDDEN,
	.params = params,
	.start = start,
	.free_state = free,
};
