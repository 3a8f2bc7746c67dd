// SPDX-License-Identifier: Apache-2.0
/*
 * Messages between keepers and the clients of the same user.  Both ends are
 * this program, but perhaps not of one version: how large the fixed parts are
 * is part of each message's head.
 */
#include <config.h>

#include "controller/cli/keeper.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "proto/cleanup.h"

#define MAGIC 0x6b657031U /* changes with the structs */

struct head {
	uint32_t magic;
	uint32_t kind;
	uint32_t shape;
	uint32_t len;
};

/* What another build of this program would have otherwise. */
static uint32_t shape(void)
{
	return (uint32_t)(sizeof(struct keeper_outcome) * 65599 +
			  sizeof(struct keeper_request) * 257 +
			  sizeof(struct keeper_answer));
}

static int send_all(int fd, const char *bytes, size_t len, int flags)
{
	while (len > 0) {
		ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL | flags);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return -1;
		bytes += sent;
		len -= (size_t)sent;
	}
	return 0;
}

/**
 * keeper_send() - one message, of several parts
 *
 * Waits until all of it is taken, or for as long as the socket is set to.
 */
int keeper_send(int fd, enum keeper_kind kind, const struct keeper_part *parts,
		size_t n)
{
	struct head head = { .magic = MAGIC, .kind = kind, .shape = shape() };
	size_t total = 0;

	for (size_t i = 0; i < n; i++)
		total += parts[i].len;
	errno = EMSGSIZE;
	if (total > KEEPER_BODY_MAX_BYTES)
		return -1;
	head.len = (uint32_t)total;
	if (send_all(fd, (const char *)&head, sizeof(head), MSG_MORE) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (send_all(fd, parts[i].bytes, parts[i].len, 0) < 0)
			return -1;
	return 0;
}

/* Return: 1, 0 where the end comes before the first byte, or -1. */
static int receive_all(int fd, char *bytes, size_t len)
{
	size_t got = 0;

	while (got < len) {
		ssize_t more = recv(fd, bytes + got, len - got, 0);

		if (more < 0 && errno == EINTR)
			continue;
		if (more == 0 && got == 0)
			return 0;
		if (more == 0)
			errno = EPROTO;
		if (more <= 0)
			return -1;
		got += (size_t)more;
	}
	return 1;
}

/**
 * keeper_receive() - one message
 * @message: filled; keeper_message_fini()
 *
 * Return: 1, 0 where the other end is gone, -1: EPROTO, EAGAIN, ENOMEM.
 */
int keeper_receive(int fd, struct keeper_message *message)
{
	struct head head;
	auto_free char *body = NULL;
	int got = receive_all(fd, (char *)&head, sizeof(head));

	*message = (struct keeper_message){ .kind = KEEPER_INVALID };
	if (got <= 0)
		return got;
	errno = EPROTO;
	if (head.magic != MAGIC || head.shape != shape() ||
	    head.len > KEEPER_BODY_MAX_BYTES)
		return -1;
	body = malloc((size_t)head.len + 1);
	if (!body)
		return -1;
	got = head.len == 0 ? 1 : receive_all(fd, body, head.len);
	if (got <= 0) {
		errno = got == 0 ? EPROTO : errno;
		return -1;
	}
	body[head.len] = '\0';
	message->kind = (enum keeper_kind)head.kind;
	message->len = head.len;
	message->body = ptr_take(&body);
	return 1;
}

/**
 * keeper_message_fini() - release; idempotent
 */
void keeper_message_fini(struct keeper_message *message)
{
	ptr_free(&message->body);
	message->len = 0;
}
