// SPDX-License-Identifier: Apache-2.0
/*
 * Requests of init.proto: unpack and validate.  Touches nothing but memory and
 * the descriptors that came along, so that a fuzzer can drive it.
 */
#include <config.h>

#include "helper/init/request.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "proto/cleanup.h"

/* The verbs on files begin alike: one of them stands for all. */
#define SAME(type, field) \
	(offsetof(type, field) == offsetof(Ini__Stat, field))
#define ALIKE(type) \
	_Static_assert(SAME(type, seq) && SAME(type, where) && \
		       SAME(type, path) && SAME(type, gid) && \
		       SAME(type, below), #type)
ALIKE(Ini__Open);
ALIKE(Ini__ListDir);
ALIKE(Ini__Read);
ALIKE(Ini__Commit);
_Static_assert(offsetof(Ini__CloseInput, token) == offsetof(Ini__Ack, token) &&
	       offsetof(Ini__Signal, token) == offsetof(Ini__Ack, token),
	       "token");
_Static_assert(offsetof(Ini__Listen, port) == offsetof(Ini__Dial, port), "dial");

static void value(struct init_request *req, bool good, int sys)
{
	if (!good && req->sys == 0)
		req->sys = sys;
}

static bool check_token(struct init_request *req,
			const ProtobufCBinaryData *token)
{
	req->token = token->data;
	return token->len == WIRE_ID_BYTES;
}

static bool take_fds(struct wire_frame *frame, struct init_request *req)
{
	const Ini__Exec *m = req->msg->exec;
	const bool has[INIT_N_FDS] = { m->stdio,    m->stdio,	m->stdio,
				       m->lifeline, m->blob_fd, m->filter_fd };
	size_t n = 0;

	for (size_t i = 0; i < INIT_N_FDS; i++)
		if (has[i])
			req->fd[i] = wire_frame_take_fd(frame, n++);
	return frame->n_fds == n && !(m->stdio && (m->tty || m->capture));
}

static bool check_exec(struct wire_frame *frame, struct init_request *req)
{
	static const enum hlp_profile profiles[] = { HLP_PROFILE_INVALID,
						     HLP_PROFILE_BASELINE,
						     HLP_PROFILE_AGENT,
						     HLP_PROFILE_STRICT };
	const Ini__Exec *m = req->msg->exec;

	if (!take_fds(frame, req) || !check_token(req, &m->token) ||
	    m->n_groups > INIT_MAX_GROUPS || m->n_rlimits > INIT_MAX_RLIMITS ||
	    m->filter < INI__FILTER__FILTER_BASELINE ||
	    m->filter > INI__FILTER__FILTER_STRICT ||
	    m->capture > INI__CAPTURE__CAPTURE_TTY ||
	    (m->capture &&
	     (m->capture == INI__CAPTURE__CAPTURE_TTY) != m->tty) ||
	    m->blob_fd != (m->strings.len == 0))
		return false;
	req->profile = profiles[m->filter];
	value(req, m->argc >= 1, EINVAL);
	value(req, m->argc <= INIT_MAX_STRINGS && m->envc <= INIT_MAX_STRINGS,
	      E2BIG);
	value(req, m->cwd[0] == '/' && strlen(m->cwd) <= INIT_PATH_MAX_BYTES,
	      EINVAL);
	value(req, strlen(m->apparmor) <= INIT_APPARMOR_MAX_BYTES,
	      ENAMETOOLONG);
	value(req, strlen(m->term) <= 64 && m->uid != UINT32_MAX &&
	      m->gid != UINT32_MAX, EINVAL);
	for (size_t i = 0; i < m->n_rlimits; i++)
		value(req, m->rlimits[i]->resource < RLIM_NLIMITS &&
		      m->rlimits[i]->soft <= m->rlimits[i]->hard, EINVAL);
	return true;
}

/* @to: INIT_PATH_MAX_BYTES and a NUL that is there, or NULL */
static void check_path(struct init_request *req,
		       const ProtobufCBinaryData *path, char *to)
{
	value(req, path->len <= INIT_PATH_MAX_BYTES, ENAMETOOLONG);
	if (path->len == 0 || path->len > INIT_PATH_MAX_BYTES)
		return;
	value(req, !memchr(path->data, 0, path->len), EINVAL);
	if (to)
		memcpy(to, path->data, path->len);
}

static bool check_file(struct init_request *req)
{
	const Ini__Stat *m = req->msg->stat;

	check_path(req, &m->path, req->path);
	check_path(req, &m->below, req->below);
	value(req, m->uid != UINT32_MAX && m->gid != UINT32_MAX, EINVAL);
	return m->where == INI__WHERE__WHERE_ROOT ||
	       m->where == INI__WHERE__WHERE_WORKDIR;
}

static bool check_commit(struct wire_frame *frame, struct init_request *req)
{
	const Ini__Commit *m = req->msg->commit;
	bool put = false;

	value(req, m->n_changes >= 1 && m->n_changes <= INIT_MAX_CHANGES,
	      EINVAL);
	for (size_t i = 0; i < m->n_changes; i++) {
		const Ini__Change *c = m->changes[i];

		if (c->kind < INI__CHANGE_KIND__CHANGE_PUT ||
		    c->kind > INI__CHANGE_KIND__CHANGE_MKDIR ||
		    c->expect < INI__EXPECT__EXPECT_ANY ||
		    c->expect > INI__EXPECT__EXPECT_SAME)
			return false;
		put |= c->kind == INI__CHANGE_KIND__CHANGE_PUT;
		check_path(req, &c->path, NULL);
		value(req, c->offset <= INT64_MAX && c->length <= INT64_MAX,
		      EFBIG);
	}
	req->fd[0] = wire_frame_take_fd(frame, 0);
	return frame->n_fds == put && check_file(req);
}

static bool check(struct wire_frame *frame, struct init_request *req)
{
	const Ini__Request *m = req->msg;

	if (m->op_case == INI__REQUEST__OP_EXEC)
		return check_exec(frame, req);
	if (m->op_case == INI__REQUEST__OP_COMMIT)
		return check_commit(frame, req);
	if (frame->n_fds > 0)
		return false;
	switch ((int)m->op_case) {
	case INI__REQUEST__OP_SIGNAL:
		value(req, m->signal->tree || m->signal->signal - 1 < 64,
		      EINVAL);
		return check_token(req, &m->signal->token);
	case INI__REQUEST__OP_ACK:
	case INI__REQUEST__OP_CLOSE_INPUT:
		return check_token(req, &m->ack->token);
	case INI__REQUEST__OP_LIST:
	case INI__REQUEST__OP_PING:
		return true;
	case INI__REQUEST__OP_READ:
		value(req, m->read->max_bytes <= INIT_READ_MAX_BYTES, EINVAL);
		return check_file(req);
	case INI__REQUEST__OP_OPEN:
	case INI__REQUEST__OP_STAT:
	case INI__REQUEST__OP_LIST_DIR:
		return check_file(req);
	case INI__REQUEST__OP_LISTEN:
		value(req, m->listen->port <= 65535, EINVAL);
		return true;
	case INI__REQUEST__OP_DIAL:
		value(req, m->dial->port - 1 < 65535, EINVAL);
		return true;
	default:
		return false;
	}
}

/**
 * init_request_read() - unpack and validate one datagram
 * @frame: descriptors that the request uses are taken out of it
 * @arena: holds what @req points to until the next reset
 * @req:   filled; to be released with init_request_fini() in either case
 *
 * Return: 0, or -1 where the peer broke the protocol. A value that only cannot
 * be fulfilled gives 0 and the errno to answer in @req->sys.
 */
int init_request_read(struct wire_frame *frame, struct arena *arena,
		      struct init_request *req, struct err *err)
{
	memset(req, 0, sizeof(*req));
	for (size_t i = 0; i < INIT_N_FDS; i++)
		req->fd[i] = -1;
	req->msg = (const Ini__Request *)wire_unpack(&ini__request__descriptor,
						     arena, frame->buf,
						     frame->len, err);
	if (!req->msg)
		return -1;
	if (check(frame, req))
		return 0;
	return err_set(err, ERR_BAD_REQUEST, 0, "no request of ours");
}

/**
 * init_request_fini() - close the descriptors that nobody took
 */
void init_request_fini(struct init_request *req)
{
	for (size_t i = 0; i < INIT_N_FDS; i++)
		fd_close(&req->fd[i]);
}
