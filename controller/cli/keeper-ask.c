// SPDX-License-Identifier: Apache-2.0
/*
 * Keepers, as those who are not one see them: asked one by one, and counted.
 * One that does not answer in time is as good as gone.
 */
#include <config.h>

#include "controller/cli/keeper.h"

#include <errno.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#include "proto/cleanup.h"

#define LOCK_TRIES 1000 /* 5 ms each */
#define ENTER_TRIES 4

static int read_answer(struct keeper_told *told, struct err *err)
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

/**
 * keeper_ask() - one question to one keeper
 * @told: with its id; filled, keeper_message_fini(&told->message) at any rate
 */
int keeper_ask(int dir_fd, const struct tool_process_request *what,
	       struct keeper_told *told, struct err *err)
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
	got = keeper_send(fd, KEEPER_REQUEST, parts, 2);
	if (got == 0)
		got = keeper_receive(fd, &told->message);
	/* It has left before it saw who knocks. */
	if (got < 0 && (errno == ECONNRESET || errno == EPIPE))
		got = 0;
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

/**
 * keeper_place_find() - the session's folder, if it has one
 *
 * Return: a descriptor, or -1: there is none, unless @err says more.
 */
int keeper_place_find(const struct keeper_place *place, struct err *err)
{
	int fd = keeper_place_open(place, false, err);

	/* None was ever there. */
	if (fd < 0 && err->sys == ENOENT)
		*err = (struct err)ERR_INIT;
	return fd;
}

/**
 * keeper_ids_free() - of keeper_place_list()
 */
void keeper_ids_free(char **ids, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(ids[i]);
	free(ids);
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

/* "" where none is over. One that does not answer ends the search: they may
 * all be as slow. */
static void find_oldest(int dir_fd, char *const *ids, size_t count,
			char oldest[KEEPER_ID_BYTES])
{
	const struct tool_process_request what = {
		.action = TOOL_PROCESS_LIST,
	};
	int64_t ended = INT64_MAX;
	struct err err = ERR_INIT;

	for (size_t i = 0; i < count && err.sys != ETIMEDOUT; i++) {
		struct keeper_told told = { .message = { .body = NULL } };

		memcpy(told.id, ids[i], strlen(ids[i]) + 1);
		if (keeper_ask(dir_fd, &what, &told, &err) == 0 &&
		    told.answer.info.over &&
		    told.answer.info.ended_ms < ended) {
			ended = told.answer.info.ended_ms;
			memcpy(oldest, told.id, KEEPER_ID_BYTES);
		}
		keeper_message_fini(&told.message);
	}
}

static bool is_full(int dir_fd, char *const *ids, size_t count)
{
	return count >= KEEPER_MAX &&
	       count_live(dir_fd, ids, count) >= KEEPER_MAX;
}

/* Of those that are over, the one that has been so the longest goes. */
static bool make_room(int dir_fd, char *const *ids, size_t count)
{
	const struct tool_process_request clear = {
		.action = TOOL_PROCESS_CLEAR,
	};
	struct keeper_told told = { .message = { .body = NULL } };
	struct err err = ERR_INIT;
	bool room;

	if (!is_full(dir_fd, ids, count))
		return true;
	find_oldest(dir_fd, ids, count, told.id);
	room = told.id[0] && keeper_ask(dir_fd, &clear, &told, &err) == 0;
	keeper_message_fini(&told.message);
	return room;
}

static int refuse(struct err *err)
{
	return err_set(
		err, ERR_LIMIT, 0,
		"%d background processes of this session run already: process kill ends one, process remove forgets one",
		KEEPER_MAX);
}

/**
 * keeper_room() - may there be one more in the background?
 *
 * It may be another's by the time that it is wanted.
 *
 * Return: 0 or -1 with LIMIT.
 */
int keeper_room(const struct keeper_place *place, struct err *err)
{
	auto_fd dir_fd = keeper_place_find(place, err);
	size_t count = 0;
	char **ids;
	bool room;

	if (dir_fd < 0)
		return err->code == ERR_NONE ? 0 : -1;
	ids = keeper_place_list(dir_fd, &count, err);
	if (!ids)
		return -1;
	room = make_room(dir_fd, ids, count);
	keeper_ids_free(ids, count);
	return room ? 0 : refuse(err);
}

/* Whoever counts and becomes one more has the folder to himself meanwhile. */
static int lock(const struct keeper_place *place, struct err *err)
{
	static const struct timespec pause = { .tv_nsec = 5000000 };
	auto_fd dir_fd = keeper_place_open(place, true, err);

	if (dir_fd < 0)
		return -1;
	for (int i = 0; flock(dir_fd, LOCK_EX | LOCK_NB) < 0; i++) {
		if (errno != EWOULDBLOCK || i == LOCK_TRIES)
			return err_set(err, ERR_KERNEL, errno,
				       "background commands");
		(void)nanosleep(&pause, NULL);
	}
	return fd_take(&dir_fd);
}

/* Nobody is asked anything under the lock: that may take long. */
static int enter(const struct keeper_place *place, char id[KEEPER_ID_BYTES],
		 struct err *err)
{
	auto_fd lock_fd = lock(place, err);
	size_t count = 0;
	char **ids;
	bool full;

	if (lock_fd < 0)
		return -1;
	ids = keeper_place_list(lock_fd, &count, err);
	if (!ids)
		return -1;
	full = is_full(lock_fd, ids, count);
	keeper_ids_free(ids, count);
	return full ? refuse(err) : keeper_place_listen(place, id, err);
}

/**
 * keeper_enter() - become one of those in the background
 * @id: filled
 *
 * Where others took what room there was, some is made again.
 *
 * Return: as keeper_place_listen(), or -1 with LIMIT.
 */
int keeper_enter(const struct keeper_place *place, char id[KEEPER_ID_BYTES],
		 struct err *err)
{
	int fd = -1;

	for (int i = 0; i < ENTER_TRIES && fd < 0; i++) {
		*err = (struct err)ERR_INIT;
		if (keeper_room(place, err) < 0)
			break;
		fd = enter(place, id, err);
		if (fd < 0 && err->code != ERR_LIMIT)
			break;
	}
	return fd;
}
