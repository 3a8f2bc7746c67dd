// SPDX-License-Identifier: Apache-2.0
/*
 * Tools outside of any sandbox: what is in the background.  Each has a keeper,
 * which is asked; those of another session are in another folder.
 */
#include <config.h>

#include "controller/cli/tool-host-own.h"

#include <errno.h>
#include <string.h>

#include "proto/cleanup.h"

static int by_start(const void *left, const void *right)
{
	const struct tool_process_info *a = left, *b = right;

	if (a->started_ms != b->started_ms)
		return a->started_ms < b->started_ms ? -1 : 1;
	return strcmp(a->id, b->id);
}

/* Those that do not answer are left out: they end, or somebody stopped them. */
static size_t ask_all(int dir_fd, char *const *ids, size_t count,
		      struct keeper_told *told)
{
	const struct tool_process_request what = {
		.action = TOOL_PROCESS_LIST,
	};
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		struct err err = ERR_INIT;

		memcpy(told[n].id, ids[i], strlen(ids[i]) + 1);
		if (keeper_ask(dir_fd, &what, &told[n], &err) == 0)
			n++;
		else
			keeper_message_fini(&told[n].message);
	}
	return n;
}

static void give_list(struct tool_call *call, int dir_fd,
		      const struct keeper_place *place, tool_process_fn *done)
{
	struct tool_process_answer answer = { .n = 0 };
	struct tool_process_info *infos = NULL;
	struct keeper_told *told = NULL;
	size_t count = 0;
	char **ids = NULL;

	if (dir_fd >= 0)
		ids = keeper_place_list(dir_fd, &count, &answer.fail);
	if (ids && count > 0) {
		told = calloc(count, sizeof(*told));
		infos = calloc(count, sizeof(*infos));
		if (told && infos)
			answer.n = ask_all(dir_fd, ids, count, told);
		else
			err_set(&answer.fail, ERR_KERNEL, ENOMEM, "process");
	}
	/* Of keepers that were killed the folders may be left. */
	if (ids && answer.n == 0)
		keeper_place_leave(place);
	for (size_t i = 0; i < answer.n; i++)
		infos[i] = told[i].answer.info;
	if (answer.n > 1)
		qsort(infos, answer.n, sizeof(*infos), by_start);
	answer.infos = infos;
	done(call, &answer);
	for (size_t i = 0; i < answer.n; i++)
		keeper_message_fini(&told[i].message);
	keeper_ids_free(ids, count);
	free(told);
	free(infos);
}

static void give_one(struct tool_call *call, int dir_fd,
		     const struct tool_process_request *what,
		     tool_process_fn *done)
{
	struct keeper_told told = { .message = { .kind = KEEPER_INVALID } };
	struct tool_process_answer answer = { .n = 0 };
	size_t len = what->id ? strlen(what->id) : 0;

	if (dir_fd < 0 || len == 0 || len >= sizeof(told.id)) {
		err_set(&answer.fail, ERR_BAD_STATE, ESRCH, "process %.40s",
			what->id ? what->id : "");
	} else {
		memcpy(told.id, what->id, len + 1);
		(void)keeper_ask(dir_fd, what, &told, &answer.fail);
	}
	if (answer.fail.code == ERR_NONE) {
		answer.fail = told.answer.fail;
		answer.infos = &told.answer.info;
		answer.n = 1;
		answer.text = told.answer.info.workdir +
			      told.answer.workdir_len;
		answer.len = told.answer.text_len;
		answer.lines = told.answer.lines;
		answer.dropped_bytes = told.answer.dropped_bytes;
	}
	done(call, &answer);
	keeper_message_fini(&told.message);
}

/**
 * host_process() - list, or ask one keeper
 */
void host_process(struct tool_call *call,
		  const struct tool_process_request *what,
		  tool_process_fn *done)
{
	const struct host_call *host = call->backend_arg;
	struct tool_process_answer answer = { .n = 0 };
	auto_fd dir_fd = keeper_place_find(&host->place, &answer.fail);

	if (answer.fail.code != ERR_NONE)
		done(call, &answer);
	else if (what->action == TOOL_PROCESS_LIST)
		give_list(call, dir_fd, &host->place, done);
	else
		give_one(call, dir_fd, what, done);
}
