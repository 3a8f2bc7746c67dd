// SPDX-License-Identifier: Apache-2.0
/*
 * Clients: connections of the same user.  One that breaks the framing is
 * dropped, alone; a request that cannot be served gets an error.
 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "controller/core/core.h"
#include "controller/core/log.h"
#include "proto/cleanup.h"

struct request {
	Ctl__Request__OpCase op;
	bool fds;    /* descriptors may come with it */
	bool waits;  /* counts against the client's quota */
	bool status; /* failures have an exit status of a command */
	/* NULL: for sessions alone */
	int (*handle)(struct ctl_client *client, const Ctl__Request *req,
		      struct wire_frame *frame, struct ctl_fail *fail);
};

static const struct request requests[] = {
	{ CTL__REQUEST__OP_RUN, true, true, true, ctl_req_run },
	{ CTL__REQUEST__OP_EXEC, true, true, true, ctl_req_exec },
	{ CTL__REQUEST__OP_ATTACH, false, true, true, ctl_req_attach },
	{ CTL__REQUEST__OP_SIGNAL, false, false, false, ctl_req_signal },
	{ CTL__REQUEST__OP_LIST, false, false, false, ctl_req_list },
	{ CTL__REQUEST__OP_KILL, false, true, false, ctl_req_kill },
	{ CTL__REQUEST__OP_REMOVE, false, true, false, ctl_req_remove },
	{ CTL__REQUEST__OP_STATS, false, false, false, ctl_req_stats },
	{ CTL__REQUEST__OP_VERSION, false, false, false, ctl_req_version },
	{ CTL__REQUEST__OP_RECREATE, false, false, false, NULL },
	{ CTL__REQUEST__OP_PRUNE, false, false, false, NULL },
	{ CTL__REQUEST__OP_PAUSE, false, true, false, ctl_req_pause },
	{ CTL__REQUEST__OP_RESUME, false, true, false, ctl_req_resume },
	{ CTL__REQUEST__OP_LOGS, false, false, false, NULL },
	{ CTL__REQUEST__OP_EVENTS, false, false, false, NULL },
	{ CTL__REQUEST__OP_MEDIA_ADD, false, true, false, NULL },
	{ CTL__REQUEST__OP_HOST_DONE, false, false, false, NULL },
	{ CTL__REQUEST__OP_TOOLBOX_OPEN, true, false, true, NULL },
	{ CTL__REQUEST__OP_TOOLBOX_CLOSE, false, false, true, NULL },
	{ CTL__REQUEST__OP_TOOL_CALL, true, true, true, NULL },
	{ CTL__REQUEST__OP_TOOL_CANCEL, false, false, true, NULL },
};

static const struct request *find_request(const Ctl__Request *req)
{
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		if (requests[i].op == req->op_case)
			return &requests[i];
	return NULL;
}

/**
 * ctl_reply() - answer a request
 * @reply: its seq is set here
 * @fd:    borrowed, -1 none
 *
 * A client that cannot be told is dropped: it would wait for ever.
 */
void ctl_reply(struct ctl_client *client, uint32_t seq, Ctl__Reply *reply,
	       int fd)
{
	struct err err = ERR_INIT;

	reply->seq = seq;
	if (ctl_conn_send(&client->conn, &reply->base, &fd, fd >= 0 ? 1 : 0,
			  &err) < 0) {
		ctl_log(CTL_LOG_WARN, "client: reply: %s", err.text);
		(void)shutdown(client->conn.fd, SHUT_RDWR);
	}
}

/**
 * ctl_reply_fail() - answer with an error
 */
void ctl_reply_fail(struct ctl_client *client, uint32_t seq,
		    const struct ctl_fail *fail)
{
	Ctl__Reply reply = CTL__REPLY__INIT;
	Ctl__Error msg = CTL__ERROR__INIT;

	msg.code = fail->err.code;
	msg.status = fail->status;
	msg.text = (char *)fail->err.text;
	msg.hint = (char *)fail->hint;
	reply.re_case = CTL__REPLY__RE_ERROR;
	reply.error = &msg;
	ctl_reply(client, seq, &reply, -1);
}

/**
 * ctl_reply_done() - answer that it is done
 */
void ctl_reply_done(struct ctl_client *client, uint32_t seq)
{
	Ctl__Reply reply = CTL__REPLY__INIT;
	Ctl__Done msg = CTL__DONE__INIT;

	reply.re_case = CTL__REPLY__RE_DONE;
	reply.done = &msg;
	ctl_reply(client, seq, &reply, -1);
}

/**
 * ctl_wait() - remember that a request is to be answered later
 * @on: the list of the object that it waits for
 *
 * Return: the waiter, on both lists, or NULL: the client has been told.
 */
struct ctl_waiter *ctl_wait(struct ctl_client *client, uint32_t seq,
			    enum ctl_wait_kind kind, struct ctl_waiters *on)
{
	struct ctl_waiter *waiter = calloc(1, sizeof(*waiter));

	if (!waiter) {
		struct ctl_fail fail = CTL_FAIL_INIT;

		err_set(&fail.err, ERR_KERNEL, ENOMEM, "request");
		ctl_reply_fail(client, seq, &fail);
		return NULL;
	}
	waiter->client = client;
	waiter->seq = seq;
	waiter->kind = kind;
	client->n_waiters++;
	LIST_INSERT_HEAD(&client->waiters, waiter, of_client);
	LIST_INSERT_HEAD(on, waiter, of_object);
	return waiter;
}

/**
 * ctl_waiter_free() - it has been answered, or nobody listens any more
 */
void ctl_waiter_free(struct ctl_waiter *waiter)
{
	waiter->client->n_waiters--;
	LIST_REMOVE(waiter, of_client);
	LIST_REMOVE(waiter, of_object);
	free(waiter);
}

/* Sessions first: what they do not want is the core's. */
static int dispatch(struct ctl_client *client, const struct request *request,
		    const Ctl__Request *req, struct wire_frame *frame,
		    struct ctl_fail *fail)
{
	const struct ctl_hooks *hooks = client->ctl->options.hooks;
	int ret = 1;

	if (hooks && hooks->request)
		ret = hooks->request(hooks->arg, client, req, frame, fail);
	if (ret <= 0)
		return ret;
	if (!request->handle)
		return err_set(&fail->err, ERR_UNSUPPORTED, 0,
			       "sessions: there are none without creeld");
	ret = request->handle(client, req, frame, fail);
	if (ret < 0 && fail->err.code == ERR_DENIED)
		CTL_HOOK(client->ctl, denied, client, req, fail);
	return ret;
}

static void handle(struct ctl_client *client, const Ctl__Request *req,
		   struct wire_frame *frame)
{
	const struct request *request = find_request(req);
	struct ctl_fail fail = CTL_FAIL_INIT;
	int ret;

	if (!request)
		ret = err_set(&fail.err, ERR_BAD_REQUEST, 0,
			      "request of no known kind");
	else if (frame->n_fds > 0 && !request->fds)
		ret = err_set(&fail.err, ERR_BAD_REQUEST, 0,
			      "descriptors do not belong to this request");
	else if (request->waits && client->n_waiters >= CTL_MAX_WAITERS)
		ret = err_set(&fail.err, ERR_LIMIT, 0,
			      "%d requests of this connection wait already",
			      CTL_MAX_WAITERS);
	else
		ret = dispatch(client, request, req, frame, &fail);
	if (ret == 0)
		return;
	if (request && !request->status)
		fail.status = CREEL_EXIT_REFUSED;
	ctl_reply_fail(client, req->seq, &fail);
}

static void on_frame(struct ctl_conn *conn, struct wire_frame *frame)
{
	struct ctl_client *client =
		container_of(conn, struct ctl_client, conn);
	struct ctl *ctl = client->ctl;
	struct err err = ERR_INIT;
	ProtobufCMessage *msg = wire_unpack(&ctl__request__descriptor,
					    &ctl->arena, frame->buf,
					    frame->len, &err);

	if (!msg) {
		ctl_log(CTL_LOG_INFO, "client: %s", err.text);
		ctl_client_drop(client);
		return;
	}
	handle(client, (const Ctl__Request *)msg, frame);
}

static void on_end(struct ctl_conn *conn, const struct err *why)
{
	struct ctl_client *client =
		container_of(conn, struct ctl_client, conn);

	if (why->code != ERR_NONE)
		ctl_log(CTL_LOG_INFO, "client: %s", why->text);
	ctl_client_drop(client);
}

static const struct ctl_conn_ops client_ops = {
	.max_in_fds = WIRE_MAX_FDS,
	.max_out_bytes = WIRE_FRAME_MAX_BYTES,
	.max_queue_bytes = 4U << 20,
	.on_frame = on_frame,
	.on_end = on_end,
};

/* Only sequenced packets keep requests apart. */
static bool is_seqpacket(int fd)
{
	int type = 0, domain = 0;
	socklen_t len = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	       getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 &&
	       type == SOCK_SEQPACKET && domain == AF_UNIX;
}

/**
 * ctl_client_new() - serve a connection
 * @fd: taken over in any case
 */
int ctl_client_new(struct ctl *ctl, int fd, struct err *err)
{
	auto_fd owned = fd;
	struct ctl_client *client;

	if (!is_seqpacket(owned))
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "it is no SOCK_SEQPACKET connection");
	if (ctl->n_clients >= CTL_MAX_CLIENTS)
		return err_set(err, ERR_LIMIT, 0, "there are %d already",
			       CTL_MAX_CLIENTS);
	client = calloc(1, sizeof(*client));
	if (!client)
		return err_set(err, ERR_KERNEL, ENOMEM, "client");
	client->ctl = ctl;
	LIST_INIT(&client->waiters);
	ctl_conn_init(&client->conn);
	if (ctl_conn_open(&client->conn, ctl->base, owned, &client_ops,
			  ctl->buf) < 0) {
		int saved = errno;

		free(client);
		return err_set(err, ERR_KERNEL, saved, "client");
	}
	(void)fd_take(&owned);
	LIST_INSERT_HEAD(&ctl->clients, client, link);
	ctl->n_clients++;
	ctl_conn_read(&client->conn, ctl->ready);
	/* Its first request is there already, most often. */
	if (ctl->ready)
		event_active(&client->conn.in, EV_READ, 0);
	return 0;
}

/**
 * ctl_client_drop() - end a connection
 *
 * Its commands go on or not as their lifelines say, which is creel-init's to
 * see.
 */
void ctl_client_drop(struct ctl_client *client)
{
	struct ctl *ctl = client->ctl;
	struct ctl_waiter *waiter;

	if (client->buried)
		return;
	client->buried = true;
	CTL_HOOK(ctl, client_gone, client);
	while ((waiter = LIST_FIRST(&client->waiters)))
		ctl_waiter_free(waiter);
	ctl_conn_close(&client->conn);
	LIST_REMOVE(client, link);
	ctl->n_clients--;
	ctl->busy_at = ctl_now();
	LIST_INSERT_HEAD(&ctl->dead_clients, client, link);
	ctl_bury(ctl);
}

/**
 * ctl_client_free() - release; in no list any more
 */
void ctl_client_free(struct ctl_client *client)
{
	ctl_conn_close(&client->conn);
	free(client);
}
