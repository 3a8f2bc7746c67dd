// SPDX-License-Identifier: Apache-2.0
/*
 * read: a part of a text file, or an image.
 */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/config/utf8.h"
#include "controller/tools/file.h"
#include "controller/tools/tools.h"
#include "proto/cleanup.h"

struct reading {
	char *rel;       /* owned */
	const char *path; /* as it was given; the call's */
	uint64_t first;  /* the line, from 1 */
};

/* What is shown of an answer. */
struct part {
	const char *bytes;
	size_t len;
	uint64_t lines;
	uint64_t next;   /* the line to go on with; 0: this is all */
	bool cut;        /* the one line that there is is not whole */
	bool replaced;   /* bytes that are no text */
};

static const struct tool_param params[] = {
	{ "path", TOOL_KIND_STRING, .required = true, .alias = "file_path",
	  .help = "The file, relative to the workspace or absolute below it." },
	{ "offset", TOOL_KIND_INTEGER, .min = 1, .max = 1e12,
	  .help = "The line to begin with; the first one is 1." },
	{ "limit", TOOL_KIND_INTEGER, .min = 1, .max = 1e12,
	  .help = "How many lines at most; never more than 2000." },
	{ .name = NULL },
};

static void free_reading(void *state)
{
	struct reading *reading = state;

	free(reading->rel);
	free(reading);
}

static void show_image(struct tool_call *call, const struct tool_file *file,
		       const char *type)
{
	struct reading *reading = call->state;
	struct tool_result *result = tool_result_of(call);
	char text[64];

	if (file->more || file->len > TOOL_FILE_MAX_BYTES) {
		tool_fail(call, "too_large",
			  "read: %s: an image of %" PRIu64
			  " bytes; at most %u are shown",
			  reading->path, file->stamp.size,
			  TOOL_FILE_MAX_BYTES);
		return;
	}
	result->image = tool_base64(file->bytes, file->len);
	if (!result->image) {
		tool_fail(call, "failed", "read: out of memory");
		return;
	}
	(void)snprintf(result->image_mime, sizeof(result->image_mime), "%s",
		       type);
	(void)snprintf(text, sizeof(text), "Read image file [%s]", type);
	tool_done(call,
		  json_pack("{s:s, s:I, s:s}", "path", reading->path, "size",
			    (json_int_t)file->len, "mimeType", type),
		  text, strlen(text));
}

/* All of it, now that its beginning says that it is an image. */
static void got_image(struct tool_call *call, const struct tool_file *file)
{
	struct reading *reading = call->state;
	const char *type;

	if (file->sys) {
		tool_fail_file(call, reading->path, file->sys);
		return;
	}
	type = tool_image_type(file->bytes, file->len);
	if (type)
		show_image(call, file, type);
	else
		tool_fail(call, "changed",
			  "read: %s: was changed while it was read",
			  reading->path);
}

static uint64_t count_lines(const char *bytes, size_t len)
{
	const char *end = bytes + len, *at = bytes;
	uint64_t lines = 0;

	while (at < end) {
		at = memchr(at, '\n', (size_t)(end - at));
		lines++;
		if (!at)
			break;
		at++;
	}
	return lines;
}

/* Whole lines, but where not even one fits. */
static struct part cut_part(const struct tool_file *file, uint64_t first)
{
	struct part part = { .bytes = file->bytes, .len = file->len };
	const char *last = NULL;

	if (file->more && file->len > 0)
		last = memrchr(file->bytes, '\n', file->len);
	if (last)
		part.len = (size_t)(last - file->bytes) + 1;
	part.cut = file->more && !last && file->len > 0;
	if (part.cut) {
		size_t whole = cfg_utf8_valid(part.bytes, part.len);

		/* A character that ends beyond the bound is left out. */
		if (whole > 0 && part.len - whole < 4)
			part.len = whole;
	}
	part.lines = count_lines(part.bytes, part.len);
	part.next = file->more ? first + part.lines : 0;
	part.replaced = cfg_utf8_valid(part.bytes, part.len) != part.len;
	return part;
}

static char *make_text(const struct part *part, uint64_t first)
{
	const char *gap = part->len > 0 && part->bytes[part->len - 1] == '\n' ?
				  "\n" :
				  "\n\n";
	char note[160] = "", bad[80] = "";
	char *text = NULL;

	if (part->cut)
		(void)snprintf(note, sizeof(note),
			       "%s[Line %" PRIu64 " has more than %d bytes; its"
			       " beginning is shown. Use offset=%" PRIu64
			       " to continue.]",
			       gap, first, TOOL_TEXT_MAX_BYTES, part->next);
	else if (part->next)
		(void)snprintf(note, sizeof(note),
			       "%s[Showing lines %" PRIu64 "-%" PRIu64
			       ". Use offset=%" PRIu64 " to continue.]",
			       gap, first, part->next - 1, part->next);
	if (part->replaced)
		(void)snprintf(bad, sizeof(bad),
			       "%s[Bytes that are not UTF-8 are shown as "
			       "U+FFFD.]",
			       note[0] ? "\n" : gap);
	if (asprintf(&text, "%.*s%s%s", (int)part->len, part->bytes, note,
		     bad) < 0)
		return NULL;
	return text;
}

static json_t *describe(const struct reading *reading,
			const struct tool_file *file, const struct part *part)
{
	auto_free char *text = NULL;
	size_t len = 0;
	json_t *object;

	text = tool_utf8(part->bytes, part->len, &len);
	if (!text)
		return NULL;
	object = json_pack("{s:s, s:I, s:I, s:I, s:b, s:s%}", "path",
			   reading->path, "size", (json_int_t)file->stamp.size,
			   "offset", (json_int_t)reading->first, "lines",
			   (json_int_t)part->lines, "truncated",
			   part->next != 0, "text", text, len);
	if (object && part->next)
		(void)json_object_set_new(object, "nextOffset",
					  json_integer((json_int_t)part->next));
	if (object && part->replaced)
		(void)json_object_set_new(object, "invalidUtf8", json_true());
	return object;
}

static void show_text(struct tool_call *call, const struct tool_file *file)
{
	struct reading *reading = call->state;
	const struct part part = cut_part(file, reading->first);
	auto_free char *text = make_text(&part, reading->first);
	json_t *object = text ? describe(reading, file, &part) : NULL;

	if (object)
		tool_done(call, object, text, strlen(text));
	else
		tool_fail(call, "failed", "read: out of memory");
}

/* Is there such a line?  The first one is there in an empty file too. */
static bool has_lines(struct tool_call *call, const struct tool_file *file)
{
	struct reading *reading = call->state;

	if (reading->first == 1 || file->len > 0)
		return true;
	if (file->more)
		tool_fail(call, "timeout",
			  "read: %s: line %" PRIu64 " was not reached: the file"
			  " has %" PRIu64 " bytes, and %" PRIu64
			  " lines were counted",
			  reading->path, reading->first, file->stamp.size,
			  file->skipped);
	else
		tool_fail(call, "invalid_argument",
			  "Offset %" PRIu64 " is beyond the end of the file "
			  "(%" PRIu64 " lines in all): %s",
			  reading->first, file->skipped, reading->path);
	return false;
}

static void got_part(struct tool_call *call, const struct tool_file *file)
{
	struct reading *reading = call->state;
	const char *type = NULL;

	if (file->sys) {
		tool_fail_file(call, reading->path, file->sys);
		return;
	}
	if (!has_lines(call, file))
		return;
	if (reading->first == 1)
		type = tool_image_type(file->bytes, file->len);
	if (type && file->more) {
		const struct tool_read all = { .path = reading->rel,
					       .max_bytes =
						       TOOL_FILE_MAX_BYTES };

		call->backend->read(call, &all, got_image);
	} else if (type) {
		show_image(call, file, type);
	} else if (file->len > 0 && memchr(file->bytes, 0, file->len)) {
		tool_fail(call, "binary",
			  "read: %s: is no text: a file of %" PRIu64
			  " bytes with NUL bytes in it",
			  reading->path, file->stamp.size);
	} else {
		show_text(call, file);
	}
}

static void start(struct tool_call *call)
{
	const double limit = tool_arg_number(call, "limit",
					     TOOL_TEXT_MAX_LINES);
	struct reading *reading = calloc(1, sizeof(*reading));
	struct err err = ERR_INIT;
	struct tool_read what;

	if (!reading) {
		tool_fail(call, "failed", "read: out of memory");
		return;
	}
	call->state = reading;
	reading->path = tool_arg_string(call, "path", "");
	reading->first = (uint64_t)tool_arg_number(call, "offset", 1);
	if (tool_file_path(call, TOOL_AREA_FILES, reading->path, &reading->rel,
			   &err) < 0) {
		tool_fail_path(call, &err);
		return;
	}
	what = (struct tool_read){
		.path = reading->rel,
		.skip_lines = reading->first - 1,
		.max_lines = limit < TOOL_TEXT_MAX_LINES ? (uint64_t)limit :
							   TOOL_TEXT_MAX_LINES,
		.max_bytes = TOOL_TEXT_MAX_BYTES,
	};
	call->backend->read(call, &what, got_part);
}

const struct tool tool_read_file = {
	.name = "read",
	.title = "Read a file",
	.help = "Reads a text file of the workspace, at most 2000 lines or "
		"50 KiB of it; offset and limit choose others. Images (PNG, "
		"JPEG, GIF, WebP) are returned as such.",
	.flags = TOOL_READ_ONLY | TOOL_IDEMPOTENT,
	.params = params,
	.start = start,
	.free_state = free_reading,
};
