// SPDX-License-Identifier: Apache-2.0
/*
 * The backend of the host, asked directly.
 */
#include <config.h>

#include "tests/unit/host-rig.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "proto/cleanup.h"
#include "tests/unit/runner.h"

static struct host_rig *rig_of(struct tool_call *call)
{
	return call->arg;
}

static void on_progress(struct tool_call *call, uint64_t output_bytes,
			const char *text, size_t len, void *arg)
{
	(void)text;
	(void)len;
	(void)arg;
	rig_of(call)->progress = output_bytes;
}

static void new_place(struct host_rig *rig, const char *session)
{
	struct err err = ERR_INIT;

	keeper_place_fini(&rig->host.place);
	ck_assert_int_eq(keeper_place_init(&rig->host.place, NULL, session,
					   &err), 0);
}

void host_rig_init(struct host_rig *rig, const char *session)
{
	char run[96];

	memset(rig, 0, sizeof(*rig));
	(void)snprintf(rig->top, sizeof(rig->top), "/tmp/host-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(rig->top));
	(void)snprintf(rig->root, sizeof(rig->root), "%s/root", rig->top);
	(void)snprintf(run, sizeof(run), "%s/run", rig->top);
	ck_assert_int_eq(mkdir(rig->root, 0700), 0);
	ck_assert_int_eq(mkdir(run, 0700), 0);
	ck_assert_int_eq(setenv("CREEL_RUNTIME_DIR", run, 1), 0);
	rig->env.root = rig->root;
	rig->env.host_env = (const char *const *)environ;
	rig->call.env = &rig->env;
	rig->call.backend = &host_backend;
	rig->call.backend_arg = &rig->host;
	rig->call.result = &rig->result;
	rig->call.progress = on_progress;
	rig->call.arg = rig;
	new_place(rig, session);
}

void host_rig_session(struct host_rig *rig, const char *session)
{
	new_place(rig, session);
}

static int drop(const char *path, const struct stat *st, int type,
		struct FTW *walk)
{
	(void)st;
	(void)type;
	(void)walk;
	return remove(path);
}

static bool is_empty(const char *path)
{
	return rmdir(path) == 0 && mkdir(path, 0700) == 0;
}

void host_rig_fini(struct host_rig *rig)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	char run[96];

	(void)snprintf(run, sizeof(run), "%s/run", rig->top);
	for (int i = 0; i < 3000 && !is_empty(run); i++)
		(void)nanosleep(&pause, NULL);
	ck_assert_msg(is_empty(run), "something is left in %s", run);
	ck_assert_int_eq(nftw(rig->top, drop, 16, FTW_DEPTH | FTW_PHYS), 0);
	keeper_place_fini(&rig->host.place);
	free(rig->out);
	free(rig->err);
	free(rig->text);
}

static char *copy(const char *bytes, size_t len)
{
	char *text = calloc(1, len + 1);

	ck_assert_ptr_nonnull(text);
	if (len > 0)
		memcpy(text, bytes, len);
	return text;
}

static void on_outcome(struct tool_call *call,
		       const struct tool_outcome *outcome)
{
	struct host_rig *rig = rig_of(call);

	rig->answers++;
	rig->outcome = *outcome;
	free(rig->out);
	free(rig->err);
	rig->out = copy(outcome->out, outcome->out_len);
	rig->err = copy(outcome->err, outcome->err_len);
	memcpy(rig->id, outcome->id, sizeof(rig->id));
}

void host_rig_run(struct host_rig *rig, const char *script,
		  const struct tool_command *how)
{
	const char *const argv[] = { "sh", "-c", script, NULL };
	struct tool_command command = *how;

	command.argv = argv;
	if (command.max_output == 0)
		command.max_output = 65536;
	if (command.keep_output == 0)
		command.keep_output = 8U << 20;
	if (command.cleanup_ms == 0)
		command.cleanup_ms = 60000;
	rig->answers = 0;
	host_run(&rig->call, &command, on_outcome);
	ck_assert_int_eq(rig->answers, 1);
}

static void take_text(struct host_rig *rig, const char *bytes, size_t len)
{
	free(rig->text);
	rig->text = copy(bytes, len);
	rig->text_len = len;
}

static void on_process(struct tool_call *call,
		       const struct tool_process_answer *answer)
{
	struct host_rig *rig = rig_of(call);

	rig->answers++;
	rig->answer = *answer;
	if (answer->n > 0)
		rig->info = answer->infos[0];
	take_text(rig, answer->text, answer->len);
}

void host_rig_process(struct host_rig *rig, enum tool_process_action action,
		      const char *id, const struct tool_process_request *how)
{
	struct tool_process_request request = { .action = action };

	if (how)
		request = *how;
	request.action = action;
	request.id = id;
	if (request.max_output == 0)
		request.max_output = 65536;
	rig->answers = 0;
	host_process(&rig->call, &request, on_process);
	ck_assert_int_eq(rig->answers, 1);
}

static void on_file(struct tool_call *call, const struct tool_file *file)
{
	struct host_rig *rig = rig_of(call);

	rig->answers++;
	rig->file = *file;
	take_text(rig, file->bytes, file->len);
}

void host_rig_read(struct host_rig *rig, const struct tool_read *what)
{
	rig->answers = 0;
	host_read(&rig->call, what, on_file);
	ck_assert_int_eq(rig->answers, 1);
}

void host_rig_stat(struct host_rig *rig, const char *path)
{
	rig->answers = 0;
	host_stat(&rig->call, path, on_file);
	ck_assert_int_eq(rig->answers, 1);
}

static void on_commit(struct tool_call *call, const struct tool_commit *commit)
{
	rig_of(call)->answers++;
	rig_of(call)->commit = *commit;
}

void host_rig_commit(struct host_rig *rig, const struct tool_change *changes,
		     size_t n)
{
	rig->answers = 0;
	host_commit(&rig->call, changes, n, on_commit);
	ck_assert_int_eq(rig->answers, 1);
}

static void on_dir(struct tool_call *call, const struct tool_dir *dir)
{
	struct host_rig *rig = rig_of(call);
	char names[4096] = "";

	rig->answers++;
	rig->file.sys = dir->sys;
	for (size_t i = 0; i < dir->n; i++) {
		size_t used = strlen(names);

		(void)snprintf(names + used, sizeof(names) - used, "%s:%u ",
			       dir->entries[i].name, dir->entries[i].type);
	}
	take_text(rig, names, strlen(names));
}

void host_rig_list(struct host_rig *rig, const char *path)
{
	rig->answers = 0;
	host_list(&rig->call, path, 0, on_dir);
	ck_assert_int_eq(rig->answers, 1);
}

char *host_rig_slurp(const struct host_rig *rig, const char *name)
{
	char path[256], bytes[4096];
	auto_fd fd = -1;
	ssize_t len;

	(void)snprintf(path, sizeof(path), "%s/%s", rig->root, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	len = fd < 0 ? -1 : read(fd, bytes, sizeof(bytes));
	return len < 0 ? NULL : copy(bytes, (size_t)len);
}

void host_rig_write(const struct host_rig *rig, const char *name,
		    const char *text)
{
	char path[256];
	auto_fd fd = -1;

	(void)snprintf(path, sizeof(path), "%s/%s", rig->root, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (int)strlen(text));
}

bool host_rig_gone(pid_t pid)
{
	const struct timespec pause = { .tv_nsec = 5000000 };
	int i = 0;

	while (i < 6000 && kill(pid, 0) == 0) {
		(void)nanosleep(&pause, NULL);
		i++;
	}
	return i < 6000;
}
