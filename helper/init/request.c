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
#include "proto/init.pb-c.h"

static int bad(struct err *err, const char *what)
{
	return err_set(err, ERR_BAD_REQUEST, 0, "%s", what);
}

static void set_sys(struct init_request *req, int sys)
{
	if (req->sys == 0)
		req->sys = sys;
}

static int read_token(struct init_request *req, const ProtobufCBinaryData *token,
		      struct err *err)
{
	if (token->len != WIRE_ID_BYTES)
		return bad(err, "token is not 16 bytes");
	memcpy(req->token, token->data, WIRE_ID_BYTES);
	return 0;
}

static enum hlp_profile profile_of(Ini__Filter filter)
{
	if (filter == INI__FILTER__FILTER_BASELINE)
		return HLP_PROFILE_BASELINE;
	if (filter == INI__FILTER__FILTER_AGENT)
		return HLP_PROFILE_AGENT;
	if (filter == INI__FILTER__FILTER_STRICT)
		return HLP_PROFILE_STRICT;
	return HLP_PROFILE_INVALID;
}

static int take_exec_fds(struct wire_frame *frame, const Ini__Exec *msg,
			 struct init_exec_args *args, struct err *err)
{
	size_t want = (msg->stdio ? 3 : 0) + (msg->lifeline ? 1 : 0) +
		      (msg->blob_fd ? 1 : 0) + (msg->filter_fd ? 1 : 0);
	size_t at = 0;

	if (frame->n_fds != want || (msg->stdio && msg->tty))
		return bad(err, "wrong descriptors for exec");
	for (size_t i = 0; msg->stdio && i < 3; i++)
		args->stdio_fd[i] = wire_frame_take_fd(frame, at++);
	if (msg->lifeline)
		args->lifeline_fd = wire_frame_take_fd(frame, at++);
	if (msg->blob_fd)
		args->blob_fd = wire_frame_take_fd(frame, at++);
	if (msg->filter_fd)
		args->filter_fd = wire_frame_take_fd(frame, at++);
	return 0;
}

static int read_exec_lists(const Ini__Exec *msg, struct init_request *req,
			   struct err *err)
{
	struct init_exec_args *args = &req->exec;

	if (msg->n_groups > INIT_MAX_GROUPS || msg->n_rlimits > INIT_MAX_RLIMITS)
		return bad(err, "too many groups or limits");
	args->n_groups = (uint32_t)msg->n_groups;
	for (size_t i = 0; i < msg->n_groups; i++)
		args->groups[i] = msg->groups[i];
	args->n_rlimits = (uint32_t)msg->n_rlimits;
	for (size_t i = 0; i < msg->n_rlimits; i++) {
		const Ini__Rlimit *limit = msg->rlimits[i];

		if (limit->resource >= RLIM_NLIMITS || limit->soft > limit->hard)
			set_sys(req, EINVAL);
		args->rlimits[i] = (struct init_rlimit){
			limit->resource, limit->soft, limit->hard
		};
	}
	return 0;
}

static int read_exec(struct wire_frame *frame, const Ini__Exec *msg,
		     struct init_request *req, struct err *err)
{
	struct init_exec_args *args = &req->exec;

	if (read_token(req, &msg->token, err) ||
	    take_exec_fds(frame, msg, args, err) ||
	    read_exec_lists(msg, req, err))
		return -1;
	args->profile = profile_of(msg->filter);
	if (args->profile == HLP_PROFILE_INVALID)
		return bad(err, "unknown filter");
	if (msg->blob_fd != (msg->strings.len == 0))
		return bad(err, "strings come inline or as a file");
	args->argc = msg->argc;
	args->envc = msg->envc;
	if (msg->argc < 1 || msg->argc > INIT_MAX_STRINGS ||
	    msg->envc > INIT_MAX_STRINGS)
		set_sys(req, msg->argc < 1 ? EINVAL : E2BIG);
	if (!msg->blob_fd) {
		args->strings = (const char *)msg->strings.data;
		args->strings_len = msg->strings.len;
	}
	args->cwd = msg->cwd;
	if (msg->cwd[0] != '/' || strlen(msg->cwd) > INIT_PATH_MAX_BYTES)
		set_sys(req, EINVAL);
	args->term = msg->term;
	if (strlen(msg->term) > 64)
		set_sys(req, EINVAL);
	args->uid = msg->uid;
	args->gid = msg->gid;
	if (msg->uid == UINT32_MAX || msg->gid == UINT32_MAX)
		set_sys(req, EINVAL);
	args->cap_keep = msg->cap_keep;
	args->timeout_ms = msg->timeout_ms;
	args->rows = msg->rows & 0xffff;
	args->cols = msg->cols & 0xffff;
	args->tty = msg->tty;
	args->search_path = msg->search_path;
	args->memory_peak = msg->memory_peak;
	return 0;
}

static int read_signal(const Ini__Signal *msg, struct init_request *req,
		       struct err *err)
{
	req->signal = msg->signal;
	req->tree = msg->tree;
	if (!msg->tree && (msg->signal < 1 || msg->signal > 64))
		set_sys(req, EINVAL);
	return read_token(req, &msg->token, err);
}

/* The fields that all file verbs share. */
static int read_job(struct init_request *req, Ini__Where where,
		    const ProtobufCBinaryData *path, const uint32_t ids[2],
		    struct err *err)
{
	struct init_job_args *job = &req->job;

	if (where != INI__WHERE__WHERE_ROOT &&
	    where != INI__WHERE__WHERE_WORKDIR)
		return bad(err, "unknown root");
	job->workdir = where == INI__WHERE__WHERE_WORKDIR;
	job->uid = ids[0];
	job->gid = ids[1];
	if (path->len > INIT_PATH_MAX_BYTES)
		set_sys(req, ENAMETOOLONG);
	else if (path->len && memchr(path->data, 0, path->len))
		set_sys(req, EINVAL);
	else if (path->len)
		memcpy(job->path, path->data, path->len);
	if (job->uid == UINT32_MAX || job->gid == UINT32_MAX)
		set_sys(req, EINVAL);
	return 0;
}

static int read_open(const Ini__Open *msg, struct init_request *req,
		     struct err *err)
{
	req->job.seq = msg->seq;
	req->job.directory = msg->directory;
	req->job.follow = msg->follow;
	return read_job(req, msg->where, &msg->path,
			(const uint32_t[]){ msg->uid, msg->gid }, err);
}

static int read_put(const Ini__Put *msg, struct init_request *req,
		    struct err *err)
{
	req->job.seq = msg->seq;
	req->job.mode = msg->mode;
	req->job.exclusive = msg->exclusive;
	req->job.parents = msg->parents;
	return read_job(req, msg->where, &msg->path,
			(const uint32_t[]){ msg->uid, msg->gid }, err);
}

static int read_stat(const Ini__Stat *msg, struct init_request *req,
		     struct err *err)
{
	req->job.seq = msg->seq;
	return read_job(req, msg->where, &msg->path,
			(const uint32_t[]){ msg->uid, msg->gid }, err);
}

static int read_list_dir(const Ini__ListDir *msg, struct init_request *req,
			 struct err *err)
{
	req->job.seq = msg->seq;
	req->job.offset = msg->offset;
	return read_job(req, msg->where, &msg->path,
			(const uint32_t[]){ msg->uid, msg->gid }, err);
}

static int read_port(struct init_request *req, uint32_t seq, uint32_t port,
		     uint32_t least)
{
	req->job.seq = seq;
	req->job.port = port;
	if (port < least || port > 65535)
		set_sys(req, EINVAL);
	return 0;
}

static int validate(struct wire_frame *frame, const Ini__Request *msg,
		    struct init_request *req, struct err *err)
{
	switch ((int)msg->op_case) {
	case INI__REQUEST__OP_EXEC:
		req->verb = INIT_VERB_EXEC;
		return read_exec(frame, msg->exec, req, err);
	case INI__REQUEST__OP_SIGNAL:
		req->verb = INIT_VERB_SIGNAL;
		return read_signal(msg->signal, req, err);
	case INI__REQUEST__OP_ACK:
		req->verb = INIT_VERB_ACK;
		return read_token(req, &msg->ack->token, err);
	case INI__REQUEST__OP_LIST:
		req->verb = INIT_VERB_LIST;
		return 0;
	case INI__REQUEST__OP_PING:
		req->verb = INIT_VERB_PING;
		req->job.seq = msg->ping->seq;
		return 0;
	case INI__REQUEST__OP_OPEN:
		req->verb = INIT_VERB_OPEN;
		return read_open(msg->open, req, err);
	case INI__REQUEST__OP_PUT:
		req->verb = INIT_VERB_PUT;
		req->job.content_fd = wire_frame_take_fd(frame, 0);
		return read_put(msg->put, req, err);
	case INI__REQUEST__OP_STAT:
		req->verb = INIT_VERB_STAT;
		return read_stat(msg->stat, req, err);
	case INI__REQUEST__OP_LIST_DIR:
		req->verb = INIT_VERB_LIST_DIR;
		return read_list_dir(msg->list_dir, req, err);
	case INI__REQUEST__OP_LISTEN:
		req->verb = INIT_VERB_LISTEN;
		return read_port(req, msg->listen->seq, msg->listen->port, 0);
	case INI__REQUEST__OP_DIAL:
		req->verb = INIT_VERB_DIAL;
		return read_port(req, msg->dial->seq, msg->dial->port, 1);
	default:
		return bad(err, "request without a verb");
	}
}

/**
 * init_request_read() - unpack and validate one datagram
 * @frame: descriptors that the request uses are taken out of it
 * @arena: holds what @req points to until the next reset
 * @req:   filled; to be released with init_request_fini() in either case
 * @err:   filled on failure
 *
 * Return: 0, or -1 where the peer broke the protocol. A value that only cannot
 * be fulfilled gives 0 and the errno to answer in @req->sys.
 */
int init_request_read(struct wire_frame *frame, struct arena *arena,
		      struct init_request *req, struct err *err)
{
	ProtobufCMessage *msg;
	size_t put_fds;

	memset(req, 0, sizeof(*req));
	req->exec.lifeline_fd = req->exec.blob_fd = req->exec.filter_fd = -1;
	req->exec.stdio_fd[0] = req->exec.stdio_fd[1] =
		req->exec.stdio_fd[2] = -1;
	req->job.content_fd = -1;
	msg = wire_unpack(&ini__request__descriptor, arena, frame->buf,
			  frame->len, err);
	if (!msg)
		return -1;
	put_fds = ((Ini__Request *)msg)->op_case == INI__REQUEST__OP_PUT;
	if (((Ini__Request *)msg)->op_case != INI__REQUEST__OP_EXEC &&
	    frame->n_fds != put_fds)
		return bad(err, "wrong number of descriptors");
	return validate(frame, (Ini__Request *)msg, req, err);
}

/**
 * init_request_fini() - close the descriptors that nobody took
 */
void init_request_fini(struct init_request *req)
{
	for (size_t i = 0; i < 3; i++)
		fd_close(&req->exec.stdio_fd[i]);
	fd_close(&req->exec.lifeline_fd);
	fd_close(&req->exec.blob_fd);
	fd_close(&req->exec.filter_fd);
	fd_close(&req->job.content_fd);
}
