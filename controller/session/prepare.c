// SPDX-License-Identifier: Apache-2.0
/*
 * What takes long before a sandbox can be built, in a process of its own:
 * files are copied, a filter is compiled, sources are opened, which may hang
 * for as long as a file server does.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/image/store.h"
#include "controller/policy/python.h"
#include "controller/session/manager.h"
#include "controller/session/origin.h"
#include "controller/session/roots.h"
#include "controller/session/seccomp.h"
#include "controller/session/workspace.h"
#include "proto/cleanup.h"

/* Which descriptors come, in this order; then the filter. */
struct prepared {
	bool agent;
	bool image;
	size_t n_binds;
	/* Of the last binds, from the end: they are not there. */
	bool absent[POL_PYTHON_BINDS];
	size_t n_absent;
	size_t filter_len;
	char warning[SES_WARNING_BYTES]; /* about the filter; "" none */
};

/**
 * ses_parts_fini() - release; idempotent
 */
void ses_parts_fini(struct ses_parts *parts)
{
	fd_close(&parts->workspace_fd);
	fd_close(&parts->agent_fd);
	fd_close(&parts->image_fd);
	for (size_t i = 0; i < parts->n_binds; i++)
		fd_close(&parts->bind_fds[i]);
	parts->n_binds = 0;
	ptr_free(&parts->bind_fds);
	ptr_free(&parts->filter);
	parts->filter_len = 0;
}

static int add_fd(struct job_result *result, int fd)
{
	if (fd < 0)
		return -1;
	if (result->n_fds == JOB_MAX_FDS) {
		fd_close(&fd);
		return err_set(&result->fail.err, ERR_LIMIT, 0,
			       "docker.binds: more than a sandbox can have");
	}
	result->fds[result->n_fds++] = fd;
	return 0;
}

/* A directory, by its path. */
static int find_image(const struct pol_session *session, const char *key,
		      struct ctl_fail *fail)
{
	struct ses_path way = { .kind = SES_PATH_DIR,
				.path = session->image,
				.what = key };
	int fd = ses_path_open(session, &way, fail);

	if (fd < 0 && fail->err.code == ERR_NONE)
		err_set(&fail->err, ERR_BAD_REQUEST, errno, "%.90s: %.50s", key,
			session->image);
	return fd;
}

/**
 * ses_prepare_image() - open a session's image, in a job
 * @state_dir: NULL: there is none
 * @fd:        out: owned; -1: it is the host's
 */
int ses_prepare_image(const struct pol_session *session, const char *state_dir,
		      int *fd, struct ctl_fail *fail)
{
	auto_free char *path = NULL;
	char text[SES_ORIGIN_BYTES];
	enum img_kind kind;

	*fd = -1;
	if (session->image[0] == '/') {
		*fd = find_image(session, ses_origin(session, POL_IMAGE, text),
				 fail);
		return *fd < 0 ? -1 : 0;
	}
	if (img_find(state_dir ? state_dir : "/nonexistent", session->image,
		     &kind, fd, &path, &fail->err) < 0) {
		err_wrap(&fail->err, "%.90s",
			 ses_origin(session, POL_IMAGE, text));
		return ctl_fail_hint(fail, "%s", IMG_HINT);
	}
	if (kind == IMG_KIND_HOST)
		fd_close(fd);
	return 0;
}

static int open_image(const struct ses_make *make, struct prepared *prepared,
		      struct job_result *result)
{
	int fd;

	if (ses_prepare_image(make->session, make->of->ses->ctl->state_dir,
			      &fd, &result->fail) < 0)
		return -1;
	prepared->image = fd >= 0;
	return prepared->image ? add_fd(result, fd) : 0;
}

static int open_workspace(const struct ses_make *make,
			  struct prepared *prepared,
			  struct job_result *result)
{
	int workspace_fd = -1, agent_fd = -1;

	if (ses_workspace_prepare(make->session, &workspace_fd, &agent_fd,
				  &result->fail) < 0 ||
	    ses_config_is_safe(make->session, workspace_fd, &result->fail) <
		    0)
		return -1;
	prepared->agent = agent_fd >= 0;
	if (add_fd(result, workspace_fd) < 0)
		return -1;
	return prepared->agent ? add_fd(result, agent_fd) : 0;
}

static int open_binds(const struct ses_make *make, struct prepared *prepared,
		      struct job_result *result)
{
	const struct pol_session *session = make->session;

	prepared->n_binds = session->n_binds;
	for (size_t i = 0; i < session->n_binds; i++) {
		int fd = ses_bind_open(session, &session->binds[i], i,
				       &result->fail);

		if (fd == SES_BIND_NONE) {
			prepared->absent[session->n_binds - 1 - i] = true;
			prepared->n_absent++;
		} else if (add_fd(result, fd) < 0) {
			return -1;
		}
	}
	return 0;
}

/* One that a sandbox could write would be no filter for the next. */
static int check_profile(const struct pol_session *session, const char *key,
			 struct ctl_fail *fail)
{
	const char *path = session->seccomp_profile;
	struct ses_path way = { .kind = SES_PATH_ANY,
				.path = path,
				.what = key };
	auto_fd fd = ses_path_open(session, &way, fail);

	if (fd < 0)
		return fail->err.code != ERR_NONE ?
			       -1 :
			       err_set(&fail->err, ERR_BAD_REQUEST, errno,
				       "%.90s: %.50s", key, path);
	if (!ses_is_written(session, fd))
		return 0;
	err_set(&fail->err, ERR_DENIED, 0, "%.90s: a sandbox could write it",
		key);
	return ctl_fail_hint(fail, "keep it where no sandbox can write");
}

/**
 * ses_prepare_filter() - compile a session's seccompProfile, in a job
 * @filter:  out: empty where there is none
 * @warning: out: "" none
 */
int ses_prepare_filter(const struct pol_session *session,
		       struct flt_program *filter,
		       char warning[SES_WARNING_BYTES], struct ctl_fail *fail)
{
	char place[SES_ORIGIN_BYTES];
	const char *key = ses_origin(session, POL_SECCOMP_PROFILE, place);
	char text[100] = "";

	warning[0] = '\0';
	if (!session->seccomp_profile)
		return 0;
	if (check_profile(session, key, fail) < 0)
		return -1;
	if (ses_seccomp_compile(session->seccomp_profile, session->cap_keep,
				filter, fail) < 0)
		return err_wrap(&fail->err, "%.90s", key);
	if (ses_seccomp_warning(filter, text, sizeof(text)))
		(void)snprintf(warning, SES_WARNING_BYTES, "%.80s: %s", key,
			       text);
	return 0;
}

/* Only the configuration and the file system: this is another process. */
static void work(void *arg, struct job_result *result)
{
	const struct ses_make *make = arg;
	__attribute__((cleanup(flt_program_fini))) struct flt_program filter = {
		.bytes = NULL,
	};
	struct prepared prepared = { .agent = false };

	if (open_workspace(make, &prepared, result) < 0 ||
	    open_image(make, &prepared, result) < 0 ||
	    open_binds(make, &prepared, result) < 0 ||
	    ses_prepare_filter(make->session, &filter, prepared.warning,
			       &result->fail) < 0)
		return;
	prepared.filter_len = filter.len;
	result->len = sizeof(prepared) + prepared.filter_len;
	result->bytes = malloc(result->len);
	if (!result->bytes) {
		err_set(&result->fail.err, ERR_KERNEL, ENOMEM, "session");
		return;
	}
	memcpy(result->bytes, &prepared, sizeof(prepared));
	if (filter.bytes)
		memcpy(result->bytes + sizeof(prepared), filter.bytes,
		       filter.len);
}

/**
 * ses_prepare_start() - have everything that takes long done
 * @done: gets @make
 *
 * Return: the job, or NULL without memory.
 */
struct job *ses_prepare_start(struct ses_make *make, job_done_fn *done)
{
	return job_start(make->of->ses->base, work, done, make,
			 SES_PREPARE_MS);
}

static int take(struct ses_parts *parts, struct job_result *result,
		const struct prepared *prepared)
{
	size_t at = 0;

	if (result->n_fds != 1 + prepared->agent + prepared->image +
				     prepared->n_binds - prepared->n_absent ||
	    result->len != sizeof(*prepared) + prepared->filter_len)
		return -1;
	parts->bind_fds = calloc(prepared->n_binds + 1, sizeof(int));
	parts->filter = malloc(prepared->filter_len + 1);
	if (!parts->bind_fds || !parts->filter)
		return -1;
	parts->workspace_fd = fd_take(&result->fds[at++]);
	if (prepared->agent)
		parts->agent_fd = fd_take(&result->fds[at++]);
	if (prepared->image)
		parts->image_fd = fd_take(&result->fds[at++]);
	for (size_t i = 0; i < prepared->n_binds; i++) {
		size_t last = prepared->n_binds - 1 - i;
		bool absent = last < POL_PYTHON_BINDS && prepared->absent[last];

		parts->bind_fds[parts->n_binds++] =
			absent ? -1 : fd_take(&result->fds[at++]);
	}
	memcpy(parts->filter, result->bytes + sizeof(*prepared),
	       prepared->filter_len);
	parts->filter_len = prepared->filter_len;
	return 0;
}

/**
 * ses_prepare_take() - what the job has found
 * @result: its descriptors are taken over
 */
int ses_prepare_take(struct ses_make *make, struct job_result *result,
		     struct ctl_fail *fail)
{
	struct prepared prepared;

	if (result->len >= sizeof(prepared)) {
		memcpy(&prepared, result->bytes, sizeof(prepared));
		prepared.warning[sizeof(prepared.warning) - 1] = '\0';
		if (prepared.n_binds == make->session->n_binds &&
		    take(&make->parts, result, &prepared) == 0) {
			if (prepared.warning[0])
				ctl_sandbox_warn(make->of->sandbox, "%s",
						 prepared.warning);
			return 0;
		}
	}
	return err_set(&fail->err, ERR_INTERNAL, 0,
		       "session: its preparation came to nothing");
}
