/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who looks after a command on the host: a process of its own that starts it,
 * keeps what it says, and kills all of its tree.  Whoever asked for the command
 * holds the other end of a socket, and no longer waits for it once it is in the
 * background; then any client of the same user finds it by a name in a folder
 * that is his alone.
 *
 *	keeper_start() --socket--> keeper: KEEPER_PROGRESS..., KEEPER_OUTCOME
 *	keeper_place_connect() --> keeper: a request, its answer
 */
#ifndef CONTROLLER_CLI_KEEPER_H
#define CONTROLLER_CLI_KEEPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "controller/tools/backend.h"
#include "proto/err.h"

#define KEEPER_MAX 256         /* in the background, of one session */
#define KEEPER_ID_BYTES 24
#define KEEPER_SCOPE_BYTES 33  /* half of a SHA-256 in hexadecimal, and a NUL */
#define KEEPER_BODY_MAX_BYTES (64U << 20)

/* place.c: the folder of a session's background commands */
struct keeper_place {
	char *dir; /* owned: the runtime directory */
	char scope[KEEPER_SCOPE_BYTES];
};

int keeper_place_init(struct keeper_place *place, const char *config,
		      const char *session, struct err *err);
void keeper_place_fini(struct keeper_place *place);
/* -1 and ENOENT in err->sys: there is none, and @create is false */
int keeper_place_open(const struct keeper_place *place, bool create,
		      struct err *err);
/* Removes the folders that are empty. */
void keeper_place_leave(const struct keeper_place *place);
/* Ids, owned, ended by NULL; those of keepers that are gone are swept. */
char **keeper_place_list(int dir_fd, size_t *count, struct err *err);
int keeper_place_connect(int dir_fd, const char *id, struct err *err);
/* A listening socket; @id is filled. */
int keeper_place_listen(const struct keeper_place *place,
			char id[KEEPER_ID_BYTES], struct err *err);

/* What a command is started with; lives as long as the keeper does. */
struct keeper_order {
	const struct tool_command *command; /* borrowed, by a copy of memory */
	char *const *envp;                  /* whole */
	const char *workdir;
	const struct keeper_place *place;
	uint64_t cap;        /* of output that is kept in the background */
	uint64_t cleanup_ms; /* how long what is over is kept */
	bool progress;
};

/* Forks a keeper. A connected socket: closing it kills the command's tree,
 * until it is in the background. */
int keeper_start(const struct keeper_order *order, struct err *err);

enum keeper_kind {
	KEEPER_INVALID = 0,
	KEEPER_PROGRESS,
	KEEPER_OUTCOME,
	KEEPER_REQUEST,
	KEEPER_ANSWER,
};

/* Fixed parts of messages; after them come the bytes that they count. */
struct keeper_progress {
	uint64_t output_bytes;
	uint32_t text_len;
};

struct keeper_outcome {
	struct tool_outcome outcome; /* its pointers mean nothing */
};

struct keeper_request {
	struct tool_process_request request; /* its pointers mean nothing */
};

struct keeper_answer {
	struct err fail;
	struct tool_process_info info; /* its pointers mean nothing */
	size_t command_len, workdir_len, text_len;
	uint64_t lines, dropped_bytes;
};

/* A message as it was received; pointers are into body. */
struct keeper_message {
	enum keeper_kind kind;
	char *body;          /* owned; NUL after its end */
	size_t len;
};

/* keeper-ask.c: what a keeper has said of its command */
struct keeper_told {
	struct keeper_message message; /* owned */
	struct keeper_answer answer;
	char id[KEEPER_ID_BYTES];
};
int keeper_ask(int dir_fd, const struct tool_process_request *what,
	       struct keeper_told *told, struct err *err);
int keeper_place_find(const struct keeper_place *place, struct err *err);
void keeper_ids_free(char **ids, size_t count);
int keeper_room(const struct keeper_place *place, struct err *err);
int keeper_enter(const struct keeper_place *place, char id[KEEPER_ID_BYTES],
		 struct err *err);

#define KEEPER_PARTS 4
struct keeper_part {
	const void *bytes;
	size_t len;
};

/* keeper-message.c; the first part is the fixed one */
int keeper_send(int fd, enum keeper_kind kind,
		const struct keeper_part *parts, size_t n);
/* Return: 1, 0 at the end, or -1. */
int keeper_receive(int fd, struct keeper_message *message);
void keeper_message_fini(struct keeper_message *message);

#endif
