// SPDX-License-Identifier: Apache-2.0
/*
 * What creeld answers.  What comes in a file is looked at before it is used:
 * it must be one that nobody can change any more.
 */
#include <config.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "controller/cli/toolbox-parts.h"
#include "proto/cleanup.h"

/* Of a result, and of a list of tools. */
#define RESULT_MAX_BYTES (20u << 20)
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* Bytes of a message or of the file beside it. */
struct blob {
	char *at;
	size_t len;
	bool mapped;
};

static void blob_fini(struct blob *blob)
{
	if (blob->mapped)
		(void)munmap(blob->at, blob->len);
	else
		free(blob->at);
	*blob = (struct blob){ .at = NULL };
}

static int map_sealed(int fd, struct blob *blob, struct err *err)
{
	int seals = fd < 0 ? 0 : fcntl(fd, F_GET_SEALS);
	struct stat st;
	void *at;

	if (fd < 0 || seals < 0 || (seals & SEALS) != SEALS ||
	    fstat(fd, &st) || st.st_size <= 0 ||
	    (uint64_t)st.st_size > RESULT_MAX_BYTES)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "creeld: a file that is no sealed one of at most %u bytes",
			       RESULT_MAX_BYTES);
	at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (at == MAP_FAILED)
		return err_set(err, ERR_KERNEL, errno, "mmap");
	*blob = (struct blob){ at, (size_t)st.st_size, true };
	return 0;
}

static int take_blob(const ProtobufCBinaryData *bytes, bool in_file,
		     struct wire_frame *frame, struct blob *blob,
		     struct err *err)
{
	auto_fd fd = in_file ? wire_frame_take_fd(frame, 0) : -1;

	if (in_file)
		return map_sealed(fd, blob, err);
	blob->at = malloc(bytes->len + 1);
	if (!blob->at)
		return err_set(err, ERR_KERNEL, ENOMEM, "result");
	if (bytes->len)
		memcpy(blob->at, bytes->data, bytes->len);
	blob->at[bytes->len] = '\0';
	blob->len = bytes->len;
	return 0;
}

/* The one before stays for the calls that it has. */
static void replace_box(struct toolbox *toolbox, uint32_t box)
{
	for (size_t i = 0; toolbox->box && i < TOOLBOX_OLD; i++) {
		if (toolbox->old[i])
			continue;
		toolbox->old[i] = toolbox->box;
		break;
	}
	toolbox->box = box;
}

/* Whether there is anything to be told of. */
static bool is_other(const struct toolbox *toolbox, const Ctl__Toolbox *msg,
		     const struct blob *tools)
{
	return !toolbox->session || strcmp(toolbox->session, msg->session) ||
	       toolbox->sandboxed != msg->sandboxed ||
	       toolbox->tools_len != tools->len ||
	       memcmp(toolbox->tools, tools->at, tools->len);
}

static int keep(struct toolbox *toolbox, const Ctl__Toolbox *msg,
		const struct blob *tools, struct err *err)
{
	char *session = strdup(msg->session);
	char *copy = malloc(tools->len + 1);

	if (!session || !copy) {
		free(session);
		free(copy);
		return err_set(err, ERR_KERNEL, ENOMEM, "toolbox");
	}
	memcpy(copy, tools->at, tools->len);
	copy[tools->len] = '\0';
	free(toolbox->session);
	free(toolbox->tools);
	toolbox->session = session;
	toolbox->tools = copy;
	toolbox->tools_len = tools->len;
	toolbox->sandboxed = msg->sandboxed;
	return 0;
}

static void take_toolbox(struct toolbox *toolbox, const Ctl__Toolbox *msg,
			 struct wire_frame *frame)
{
	__attribute__((cleanup(blob_fini))) struct blob tools = { .at = NULL };
	struct toolbox_info info = {
		.session = msg->session,
		.agent = msg->agent,
		.workdir = msg->workdir,
		.sandboxed = msg->sandboxed,
		.network = msg->network,
		.warnings = (const char *const *)msg->warnings,
		.n_warnings = msg->n_warnings,
	};
	struct err err = ERR_INIT;
	const bool lost = toolbox->box == 0;
	bool other;

	if (take_blob(&msg->tools, msg->tools_fd, frame, &tools, &err)) {
		toolbox_fail(toolbox, &err, "", 1);
		return;
	}
	other = is_other(toolbox, msg, &tools);
	if (keep(toolbox, msg, &tools, &err)) {
		toolbox_fail(toolbox, &err, "", 1);
		return;
	}
	toolbox->open_seq = 0;
	replace_box(toolbox, msg->toolbox);
	info.tools = toolbox->tools;
	info.tools_len = toolbox->tools_len;
	if (other)
		toolbox->ops->opened(toolbox->arg, &info);
	else if (lost && toolbox->ops->again)
		toolbox->ops->again(toolbox->arg);
}

static void take_open(struct toolbox *toolbox, const Ctl__Reply *reply,
		      struct wire_frame *frame)
{
	struct err err = ERR_INIT;

	if (reply->re_case == CTL__REPLY__RE_TOOLBOX) {
		take_toolbox(toolbox, reply->toolbox, frame);
		return;
	}
	toolbox->open_seq = 0;
	if (reply->re_case != CTL__REPLY__RE_ERROR) {
		(void)err_set(&err, ERR_BAD_REQUEST, 0,
			      "creeld: answered another question");
		toolbox_fail(toolbox, &err, "", 1);
		return;
	}
	/* One that is open stays: its next call says what is wrong. */
	if (toolbox->box)
		return;
	(void)err_set(&err, (enum err_code)reply->error->code, 0, "%.158s",
		      reply->error->text);
	toolbox_fail(toolbox, &err, reply->error->hint,
		     (int)reply->error->status);
}

static void take_result(struct toolbox_call *call, const Ctl__ToolResult *msg,
			struct wire_frame *frame)
{
	struct toolbox *toolbox = call->toolbox;
	struct blob blob = { .at = NULL };
	struct err err = ERR_INIT;

	if (msg->changed && call->box == toolbox->box && !toolbox->open_seq)
		toolbox->open_due = true;
	if (take_blob(&msg->result, msg->result_fd, frame, &blob, &err)) {
		toolbox_call_fail(call, &err, "");
		return;
	}
	call->json = blob.at;
	call->json_len = blob.len;
	call->mapped = blob.mapped;
	call->error = msg->error;
	if (!msg->host || toolbox_call_list(call))
		toolbox_call_move(call, &toolbox->over);
}

static void take_progress(const struct toolbox_call *call,
			  const Ctl__ToolProgress *msg)
{
	if (call->ops->progress)
		call->ops->progress(call->arg, msg->elapsed_ms,
				    msg->output_bytes, msg->text);
}

static void take_call(struct toolbox_call *call, const Ctl__Reply *reply,
		      struct wire_frame *frame)
{
	struct err err = ERR_INIT;

	/* It ran here; that creeld has been told is all that was missing. */
	if (call->state == TOOLBOX_TOLD) {
		toolbox_call_move(call, &call->toolbox->over);
	} else if (reply->re_case == CTL__REPLY__RE_TOOL_RESULT) {
		take_result(call, reply->tool_result, frame);
	} else if (reply->re_case == CTL__REPLY__RE_TOOL_PROGRESS) {
		take_progress(call, reply->tool_progress);
	} else if (reply->re_case == CTL__REPLY__RE_TOOL_HOST) {
		toolbox_call_host(call, reply->tool_host);
	} else if (reply->re_case == CTL__REPLY__RE_ERROR) {
		(void)err_set(&err, (enum err_code)reply->error->code, 0,
			      "%.158s", reply->error->text);
		toolbox_call_fail(call, &err, reply->error->hint);
	} else {
		(void)err_set(&err, ERR_BAD_REQUEST, 0,
			      "creeld: answered another question");
		toolbox_call_fail(call, &err, "");
	}
}

static struct toolbox_call *find_call(struct toolbox_calls *list, uint32_t seq)
{
	struct toolbox_call *call;

	TAILQ_FOREACH(call, list, link)
		if (call->seq == seq)
			return call;
	return NULL;
}

/**
 * toolbox_take() - one reply
 *
 * Some need no answer of ours: those to a cancellation, and to a closing.
 */
void toolbox_take(struct toolbox *toolbox, const Ctl__Reply *reply,
		  struct wire_frame *frame)
{
	struct toolbox_call *call;

	if (reply->seq == 0)
		return;
	if (reply->seq == toolbox->open_seq) {
		take_open(toolbox, reply, frame);
		return;
	}
	call = find_call(&toolbox->sent, reply->seq);
	if (!call)
		call = find_call(&toolbox->due, reply->seq);
	if (call)
		take_call(call, reply, frame);
}
