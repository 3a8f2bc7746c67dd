/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program that runs a controller can add to it: creeld keeps sessions,
 * `creel run --no-daemon` has none.
 */
#ifndef CONTROLLER_CORE_HOOKS_H
#define CONTROLLER_CORE_HOOKS_H

#include <stdbool.h>

#include "controller/core/fail.h"
#include "proto/control.pb-c.h"
#include "proto/wire.h"

struct ctl;
struct ctl_client;
struct ctl_exec;
struct ctl_result;
struct ctl_sandbox;

/* All are called from the event loop; each may be NULL. */
struct ctl_hooks {
	/* Everything that lived before is known; clients are served after it. */
	void (*ready)(void *arg, struct ctl *ctl);
	/*
	 * A request that sessions have to do with. 0: it is answered or will
	 * be; -1: fail is the answer; 1: the core shall do it.
	 */
	int (*request)(void *arg, struct ctl_client *client,
		       const Ctl__Request *req, struct wire_frame *frame,
		       struct ctl_fail *fail);
	/*
	 * Before a client hears of it: a command has been accepted. @client is
	 * NULL for one of creeld's own.
	 */
	void (*exec_new)(void *arg, struct ctl_exec *exec,
			 struct ctl_client *client);
	/*
	 * An earlier creeld had started it, and how it ended is not known yet;
	 * the descriptors that pid 1 keeps of it, as for ops->started, may be
	 * taken: fd_take(&fds[i]). Whoever knows it sets its ops and owner.
	 */
	void (*exec_found)(void *arg, struct ctl_exec *exec, uint32_t pid,
			   int *fds, size_t n_fds);
	/* Before a client hears of it; also where it could not be started. */
	void (*exec_over)(void *arg, struct ctl_exec *exec,
			  const struct ctl_result *result);
	void (*sandbox_live)(void *arg, struct ctl_sandbox *sandbox);
	/* It could not be made; sandbox_gone follows. */
	void (*sandbox_failed)(void *arg, struct ctl_sandbox *sandbox,
			       const struct ctl_fail *fail);
	/* It will end, and cannot be found any more; sandbox_gone follows. */
	void (*sandbox_end)(void *arg, struct ctl_sandbox *sandbox);
	void (*sandbox_gone)(void *arg, struct ctl_sandbox *sandbox);
	/* It stands still, or goes on again. */
	void (*sandbox_paused)(void *arg, struct ctl_sandbox *sandbox, bool on);
	/*
	 * A protected path of it has appeared, or was replaced on the host so
	 * that its mask is gone; once each.
	 */
	void (*protected_path)(void *arg, struct ctl_sandbox *sandbox,
			       const char *path, bool appeared);
	/* The core has said no to a request that sessions left to it. */
	void (*denied)(void *arg, struct ctl_client *client,
		       const Ctl__Request *req, const struct ctl_fail *fail);
	void (*client_gone)(void *arg, struct ctl_client *client);
	/* Adds what only a session's sandbox has to a line of a list. */
	void (*item)(void *arg, struct ctl_sandbox *sandbox, Ctl__Item *item);
	/* What a person should know of; for creel doctor. Freed by the next call. */
	void (*info)(void *arg, Ctl__Info *info);
	void (*tick)(void *arg, struct ctl *ctl); /* every few seconds */
	void *arg;
};

/* Calls a hook, where there is one. */
#define CTL_HOOK(ctl, hook, ...)                                              \
	do {                                                                  \
		const struct ctl_hooks *hooks_ = (ctl)->options.hooks;        \
									      \
		if (hooks_ && hooks_->hook)                                   \
			hooks_->hook(hooks_->arg, __VA_ARGS__);               \
	} while (0)

#endif
