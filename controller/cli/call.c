// SPDX-License-Identifier: Apache-2.0
/*
 * Makes the request of run, exec and shell from the command line.
 */
#include <config.h>

#include "controller/cli/call.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "proto/cleanup.h"

/* Strings beyond this travel in a memfd, so that the rest always fits. */
#define INLINE_MAX_BYTES (32 * 1024)

/**
 * cli_call_add_fd() - let a descriptor travel with the request
 * @fd:    consumed, on failure too
 * @index: what the request names it by
 */
int cli_call_add_fd(struct cli_call *call, int fd, uint32_t *index,
		    struct err *err)
{
	if (call->n_fds == WIRE_MAX_FDS) {
		close(fd);
		return err_set(err, ERR_LIMIT, 0,
			       "more than %d binds and descriptors",
			       WIRE_MAX_FDS);
	}
	call->fds[call->n_fds++] = fd;
	*index = (uint32_t)call->n_fds;
	return 0;
}

/**
 * cli_memfd_sealed() - data in a file that nobody can change any more
 */
int cli_memfd_sealed(const char *name, const void *data, size_t len,
		     struct err *err)
{
	auto_fd fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	const char *at = data;

	if (fd < 0)
		return err_set(err, ERR_KERNEL, errno, "memfd");
	while (len > 0) {
		ssize_t put = write(fd, at, len);

		if (put < 0 && errno != EINTR)
			return err_set(err, ERR_KERNEL, errno, "memfd");
		at += put > 0 ? put : 0;
		len -= put > 0 ? (size_t)put : 0;
	}
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW |
					   F_SEAL_WRITE))
		return err_set(err, ERR_KERNEL, errno, "memfd");
	return fd_take(&fd);
}

static int add_strings(struct cli_call *call, struct err *err)
{
	Ctl__Command *command = &call->command;
	int fd;

	command->argc = (uint32_t)call->strings.argc;
	command->envc = (uint32_t)call->strings.envc;
	if (call->strings.len <= INLINE_MAX_BYTES) {
		command->strings.data = (uint8_t *)call->strings.bytes;
		command->strings.len = call->strings.len;
		return 0;
	}
	fd = cli_memfd_sealed("creel-strings", call->strings.bytes,
			      call->strings.len, err);
	if (fd < 0)
		return -1;
	return cli_call_add_fd(call, fd, &command->strings_fd, err);
}

static int add_seccomp(struct cli_call *call, const char *value,
		       struct err *err)
{
	int fd;

	if (!strcmp(value, "agent") || !strcmp(value, "strict") ||
	    !strcmp(value, "baseline")) {
		call->command.seccomp = (char *)value;
		return 0;
	}
	fd = cli_seccomp_compile(value, call->spec.cap_keep, err);
	if (fd < 0)
		return err_wrap(err, "--seccomp");
	return cli_call_add_fd(call, fd, &call->command.seccomp_fd, err);
}

static int fill_command(struct cli_call *call, const struct cli_args *args,
			struct err *err)
{
	Ctl__Command *command = &call->command;
	const char *timeout = args->last[CLI_OPT_TIMEOUT];
	const char *seccomp = args->last[CLI_OPT_SECCOMP];

	if (getrandom(call->token, sizeof(call->token), 0) !=
	    (ssize_t)sizeof(call->token))
		return err_set(err, ERR_KERNEL, errno, "getrandom");
	command->token.data = call->token;
	command->token.len = sizeof(call->token);
	if (timeout && cli_parse_duration(timeout, &command->timeout_ms, err))
		return err_wrap(err, "--timeout %.40s", timeout);
	if (args->has[CLI_OPT_USER]) {
		command->user = (char *)args->last[CLI_OPT_USER];
		if (cli_parse_user(command->user, err))
			return err_wrap(err, "--user %.40s", command->user);
	}
	if (args->has[CLI_OPT_WORKDIR]) {
		command->workdir = (char *)args->last[CLI_OPT_WORKDIR];
		if (command->workdir[0] != '/')
			return err_set(err, ERR_BAD_REQUEST, 0,
				       "--workdir %.64s: not an absolute path",
				       command->workdir);
	}
	if (seccomp && add_seccomp(call, seccomp, err))
		return -1;
	return add_strings(call, err);
}

static void init_messages(struct cli_call *call, enum cli_verb_id verb)
{
	ctl__request__init(&call->request);
	ctl__run__init(&call->run);
	ctl__exec__init(&call->exec);
	ctl__spec__init(&call->spec);
	ctl__command__init(&call->command);
	call->request.seq = 1;
	if (verb == CLI_VERB_RUN) {
		call->request.op_case = CTL__REQUEST__OP_RUN;
		call->request.run = &call->run;
		call->run.spec = &call->spec;
		call->run.command = &call->command;
		return;
	}
	call->request.op_case = CTL__REQUEST__OP_EXEC;
	call->request.exec = &call->exec;
	call->exec.spec = &call->spec;
	call->exec.command = &call->command;
}

/* TARGET, then the command, which may have a "--" before it. */
static int take_words(struct cli_call *call, const struct cli_args *args,
		      char ***words, struct err *err)
{
	bool shell = args->verb->id == CLI_VERB_SHELL;

	*words = args->words;
	if (args->verb->id != CLI_VERB_RUN) {
		if (!**words)
			return err_set(err, ERR_BAD_REQUEST, 0,
				       "TARGET: missing");
		call->exec.target = *(*words)++;
		if (!call->exec.target[0])
			return err_set(err, ERR_BAD_REQUEST, 0,
				       "TARGET: empty");
		if (**words && !strcmp(**words, "--"))
			++*words;
		else if (**words && ***words == '-')
			return err_set(err, ERR_BAD_REQUEST, 0,
				       "%.64s: options stand before TARGET",
				       **words);
	}
	if (shell && **words)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "%.64s: shell takes no command", **words);
	if (!shell && !**words)
		return err_set(err, ERR_BAD_REQUEST, 0, "command: missing");
	call->command.login = shell;
	return 0;
}

/**
 * cli_call_init() - a request without its stdio
 * @call: filled; cli_call_fini() is due on failure too
 * @tty:  the command gets a terminal
 */
int cli_call_init(struct cli_call *call, const struct cli_args *args, bool tty,
		  struct err *err)
{
	char **words;

	memset(call, 0, sizeof(*call));
	init_messages(call, args->verb->id);
	if (take_words(call, args, &words, err))
		return -1;
	if (args->has[CLI_OPT_NAME]) {
		call->run.name = (char *)args->last[CLI_OPT_NAME];
		if (cli_parse_name(call->run.name, err))
			return err_wrap(err, "--name %.64s", call->run.name);
	}
	call->run.detach = args->has[CLI_OPT_DETACH];
	call->exec.detach = args->has[CLI_OPT_DETACH];
	call->command.tty = tty;
	if (cli_strings_build(args, words, tty, &call->strings, err))
		return -1;
	if (cli_spec_fill(call, args, err))
		return -1;
	return fill_command(call, args, err);
}

/**
 * cli_call_fini() - release; idempotent
 */
void cli_call_fini(struct cli_call *call)
{
	for (size_t i = 0; i < call->n_fds; i++)
		fd_close(&call->fds[i]);
	call->n_fds = 0;
	for (size_t i = 0; call->places && i < call->spec.n_binds; i++)
		cli_place_fini(&call->places[i]);
	for (size_t i = 0; call->sizes && i < call->spec.n_tmpfs; i++)
		cli_tmpfs_fini(&call->sizes[i]);
	for (size_t i = 0; call->names && i < call->spec.n_hosts; i++)
		cli_place_fini(&call->names[i]);
	cli_place_fini(&call->workspace);
	cli_strings_fini(&call->strings);
	ptr_free(&call->places);
	ptr_free(&call->binds);
	ptr_free(&call->spec.binds);
	ptr_free(&call->sizes);
	ptr_free(&call->tmpfs);
	ptr_free(&call->spec.tmpfs);
	ptr_free(&call->limits);
	ptr_free(&call->ulimits);
	ptr_free(&call->spec.ulimits);
	ptr_free(&call->names);
	ptr_free(&call->hosts);
	ptr_free(&call->spec.hosts);
	ptr_free(&call->spec.dns);
	ptr_free(&call->spec.protect);
	for (size_t i = 0; i < call->n_allowed; i++)
		free(call->allowed[i]);
	call->n_allowed = 0;
	ptr_free(&call->allowed);
}
