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

/* What a keeper has said of its command. */
struct told {
	struct keeper_message message; /* owned */
	struct keeper_answer answer;
	char id[KEEPER_ID_BYTES];
};

static int read_answer(struct told *told, struct err *err)
{
	struct keeper_answer *answer = &told->answer;
	const struct keeper_message *message = &told->message;
	const char *at = message->body + sizeof(*answer);
	size_t left = message->len - sizeof(*answer);

	if (message->kind != KEEPER_ANSWER || message->len < sizeof(*answer))
		return err_set(err, ERR_INTERNAL, EPROTO, "%s", told->id);
	memcpy(answer, message->body, sizeof(*answer));
	if (answer->command_len < 1 || answer->command_len > left ||
	    answer->workdir_len < 1 ||
	    answer->workdir_len > left - answer->command_len ||
	    answer->text_len !=
		    left - answer->command_len - answer->workdir_len ||
	    at[answer->command_len - 1] ||
	    at[answer->command_len + answer->workdir_len - 1])
		return err_set(err, ERR_INTERNAL, EPROTO, "%s", told->id);
	answer->info.id = told->id;
	answer->info.command = at;
	answer->info.workdir = at + answer->command_len;
	return 0;
}

/* One question to one keeper. */
static int ask(int dir_fd, const struct tool_process_request *what,
	       struct told *told, struct err *err)
{
	auto_fd fd = keeper_place_connect(dir_fd, told->id, err);
	const struct keeper_request head = { .request = *what };
	const struct keeper_part parts[] = {
		{ &head, sizeof(head) },
		{ what->data, what->data_len },
	};
	int got;

	if (fd < 0)
		return -1;
	if (keeper_send(fd, KEEPER_REQUEST, parts, 2) < 0)
		return err_set(err, ERR_KERNEL, errno, "%s", told->id);
	got = keeper_receive(fd, &told->message);
	if (got < 0 && errno == EPROTO)
		return err_set(err, ERR_UNSUPPORTED, 0,
			       "%s: started by another version of creel",
			       told->id);
	if (got < 0)
		return err_set(err, ERR_KERNEL,
			       errno == EAGAIN ? ETIMEDOUT : errno, "%s",
			       told->id);
	if (got == 0)
		return err_set(err, ERR_BAD_STATE, ESRCH, "process %s",
			       told->id);
	return read_answer(told, err);
}

static void free_ids(char **ids, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(ids[i]);
	free(ids);
}

static int open_place(const struct keeper_place *place, struct err *err)
{
	int fd = keeper_place_open(place, false, err);

	/* None was ever there. */
	if (fd < 0 && err->sys == ENOENT)
		*err = (struct err)ERR_INIT;
	return fd;
}

static int by_start(const void *left, const void *right)
{
	const struct tool_process_info *a = left, *b = right;

	if (a->started_ms != b->started_ms)
		return a->started_ms < b->started_ms ? -1 : 1;
	return strcmp(a->id, b->id);
}

/* Those that do not answer are left out: they end, or somebody stopped them. */
static size_t ask_all(int dir_fd, char *const *ids, size_t count,
		      struct told *told)
{
	const struct tool_process_request what = {
		.action = TOOL_PROCESS_LIST,
	};
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		struct err err = ERR_INIT;

		memcpy(told[n].id, ids[i], strlen(ids[i]) + 1);
		if (ask(dir_fd, &what, &told[n], &err) == 0)
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
	struct told *told = NULL;
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
	free_ids(ids, count);
	free(told);
	free(infos);
}

static void give_one(struct tool_call *call, int dir_fd,
		     const struct tool_process_request *what,
		     tool_process_fn *done)
{
	struct told told = { .message = { .kind = KEEPER_INVALID } };
	struct tool_process_answer answer = { .n = 0 };
	size_t len = what->id ? strlen(what->id) : 0;

	if (dir_fd < 0 || len == 0 || len >= sizeof(told.id)) {
		err_set(&answer.fail, ERR_BAD_STATE, ESRCH, "process %.40s",
			what->id ? what->id : "");
	} else {
		memcpy(told.id, what->id, len + 1);
		(void)ask(dir_fd, what, &told, &answer.fail);
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
	auto_fd dir_fd = open_place(&host->place, &answer.fail);

	if (answer.fail.code != ERR_NONE)
		done(call, &answer);
	else if (what->action == TOOL_PROCESS_LIST)
		give_list(call, dir_fd, &host->place, done);
	else
		give_one(call, dir_fd, what, done);
}

/* What keepers that were killed have left is swept by that. */
static size_t count_live(int dir_fd, char *const *ids, size_t count)
{
	size_t live = 0;

	for (size_t i = 0; i < count; i++) {
		struct err err = ERR_INIT;
		auto_fd fd = keeper_place_connect(dir_fd, ids[i], &err);

		live += fd >= 0 || err.code != ERR_BAD_STATE;
	}
	return live;
}

/**
 * host_process_room() - may there be one more in the background?
 *
 * Return: 0 or -1 with LIMIT.
 */
int host_process_room(const struct keeper_place *place, struct err *err)
{
	auto_fd dir_fd = open_place(place, err);
	size_t count = 0, live = 0;
	char **ids;

	if (dir_fd < 0)
		return err->code == ERR_NONE ? 0 : -1;
	ids = keeper_place_list(dir_fd, &count, err);
	if (!ids)
		return -1;
	live = count < KEEPER_MAX ? count : count_live(dir_fd, ids, count);
	free_ids(ids, count);
	if (live < KEEPER_MAX)
		return 0;
	return err_set(err, ERR_LIMIT, 0,
		       "%d background processes already; process remove makes room",
		       KEEPER_MAX);
}
