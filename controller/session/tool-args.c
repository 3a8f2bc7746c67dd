// SPDX-License-Identifier: Apache-2.0
/*
 * Arguments of a call: from bytes that a client, and behind it a model, wrote
 * to an object; and what of them a person reads in the log.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "controller/session/toolbox.h"
#include "controller/tools/patch.h"
#include "proto/cleanup.h"

/* What is there outside of strings, before memory is spent on it. */
struct shape {
	size_t deep;   /* what is open at once, at most */
	size_t values; /* about so many */
};

static struct shape shape_of(const char *text, size_t len)
{
	struct shape shape = { .values = 1 };
	bool quoted = false;
	size_t open = 0;

	for (size_t i = 0; i < len; i++) {
		if (quoted && text[i] == '\\')
			i++;
		else if (text[i] == '"')
			quoted = !quoted;
		else if (!quoted && (text[i] == '{' || text[i] == '['))
			open++;
		else if (!quoted && (text[i] == '}' || text[i] == ']') && open)
			open--;
		else if (!quoted && text[i] == ',')
			shape.values++;
		if (open > shape.deep)
			shape.deep = open;
	}
	return shape;
}

static int check_shape(const char *text, size_t len, struct err *err)
{
	const struct shape shape = shape_of(text, len);

	if (shape.deep > SES_ARGS_MAX_DEPTH)
		return err_set(err, ERR_LIMIT, 0,
			       "arguments: nested more than %d deep",
			       SES_ARGS_MAX_DEPTH);
	if (shape.values > SES_ARGS_MAX_VALUES)
		return err_set(err, ERR_LIMIT, 0,
			       "arguments: more than %d values",
			       SES_ARGS_MAX_VALUES);
	return 0;
}

static json_t *parse(const char *text, size_t len, struct err *err)
{
	json_error_t error;
	json_t *args;

	if (len == 0)
		return json_object();
	if (check_shape(text, len, err) < 0)
		return NULL;
	args = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL,
			  &error);
	if (!args) {
		ctl_text_clean(error.text);
		err_set(err, ERR_BAD_REQUEST, 0,
			"arguments: line %d, column %d: %.100s", error.line,
			error.column, error.text);
	} else if (!json_is_object(args)) {
		json_decref(args);
		err_set(err, ERR_BAD_REQUEST, 0,
			"arguments: expected an object");
		args = NULL;
	}
	return args;
}

static json_t *from_memfd(const Ctl__ToolCall *msg, struct wire_frame *frame,
			  struct err *err)
{
	auto_fd fd = wire_frame_take_fd(frame, msg->args_fd - 1);
	json_t *args;
	size_t size;
	void *bytes;

	if (fd < 0) {
		err_set(err, ERR_BAD_REQUEST, 0,
			"arguments: their descriptor did not come along");
		return NULL;
	}
	if (ctl_memfd_check(fd, "arguments", TOOL_ARGS_MAX_BYTES, &size, err) <
	    0)
		return NULL;
	if (size == 0)
		return json_object();
	/* Sealed: it neither changes nor shrinks below our feet. */
	bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED) {
		err_set(err, ERR_KERNEL, errno, "arguments");
		return NULL;
	}
	args = parse(bytes, size, err);
	(void)munmap(bytes, size);
	return args;
}

/**
 * ses_tool_args() - the arguments of a call
 *
 * Return: an object, a new reference; NULL: what is wrong with them.
 */
json_t *ses_tool_args(const Ctl__ToolCall *msg, struct wire_frame *frame,
		      struct err *err)
{
	json_t *args;

	if (msg->args_fd > 0 && msg->args.len > 0) {
		err_set(err, ERR_BAD_REQUEST, 0, "arguments: they come twice");
		return NULL;
	}
	args = msg->args_fd > 0 ?
		       from_memfd(msg, frame, err) :
		       parse((const char *)msg->args.data, msg->args.len, err);
	if (!args && err->code == ERR_NONE)
		err_set(err, ERR_KERNEL, ENOMEM, "arguments");
	return args;
}

static const char *text_of(const json_t *args, const char *name)
{
	return json_string_value(json_object_get(args, name));
}

/* One header of a patch, as its parser finds it; how much was put. */
static size_t put_header(const char *line, size_t len, bool first, char *out,
			 size_t size)
{
	static const char *const heads[] = {
		"*** Add File:", "*** Update File:", "*** Delete File:",
		"*** Move to:",
	};
	const struct patch_text text = patch_trim(
		(struct patch_text){ line, len });
	struct patch_text name;
	int put = 0;

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		if (!patch_begins(text, heads[i]))
			continue;
		name = patch_trim((struct patch_text){
			text.at + strlen(heads[i]),
			text.len - strlen(heads[i]) });
		put = snprintf(out, size, "%s%c %.*s", first ? "" : ", ",
			       "AMD>"[i],
			       (int)(name.len < 512 ? name.len : 512), name.at);
	}
	return put < (int)size ? (size_t)put : size - 1;
}

/* The files that a patch is about, without a line of what is in them. */
static void put_patch(const json_t *patch, char *out, size_t size)
{
	struct patch_text rest = { json_string_value(patch),
				   json_string_length(patch) };
	struct patch_text line;
	size_t used = 0;

	while (used + 4 < size && patch_next_line(&rest, &line))
		used += put_header(line.at, line.len, used == 0, out + used,
				   size - used);
}

/**
 * ses_tool_summary() - what a call is about, in one line of the log
 *
 * Commands and paths; never what is in a file, nor what is typed somewhere.
 */
void ses_tool_summary(const json_t *args, char *out, size_t size)
{
	static const char *const names[] = { "command", "path", "uri", "code" };
	const json_t *patch = json_object_get(args, "input");
	const char *action = text_of(args, "action");
	const char *id = text_of(args, "sessionId");

	out[0] = '\0';
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (text_of(args, names[i])) {
			(void)snprintf(out, size, "%s",
				       text_of(args, names[i]));
			return;
		}
	if (action)
		(void)snprintf(out, size, "%s%s%s", action, id ? " " : "",
			       id ? id : "");
	else
		put_patch(patch ? patch : json_object_get(args, "patch_text"),
			  out, size);
}
