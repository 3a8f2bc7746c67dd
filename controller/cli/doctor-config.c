// SPDX-License-Identifier: Apache-2.0
/*
 * The checks of the configuration, of what is kept of sessions, and of what a
 * creeld that runs has to say.
 */
#include <config.h>

#include "controller/cli/doctor.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "controller/cli/connect.h"
#include "controller/cli/paths.h"
#include "controller/cli/rpc.h"
#include "controller/cli/where.h"
#include "proto/cleanup.h"

#define SPACE_MIN_BYTES (16ULL << 20)
#define ANSWER_MS 2000
#define LINE_BYTES (2 * CFG_PROBLEM_BYTES)

static void say_problems(struct doctor *doctor,
			 const struct cfg_problems *problems)
{
	char text[LINE_BYTES];

	for (size_t i = 0; i < problems->count; i++) {
		const struct cfg_problem *problem = &problems->list[i];

		cfg_problem_format(problems, i, text, sizeof(text));
		doctor_say(doctor, problem->warning ? DOCTOR_WARN : DOCTOR_BAD,
			   "configuration", "%s%s%s", text,
			   problem->hint[0] ? "\n" : "", problem->hint);
	}
}

/**
 * doctor_config() - is there a configuration, and can it be used?
 */
void doctor_config(struct doctor *doctor)
{
	struct cfg_problems problems = CFG_PROBLEMS_INIT;
	auto_where where = { .home = NULL };
	struct cfg *cfg = NULL;

	if (cli_where_look(doctor->args, &where, &problems) == 0)
		cfg = cfg_load(where.config, where.home, where.state_dir,
			       &problems);
	say_problems(doctor, &problems);
	if (cfg && where.config)
		doctor_say(doctor, DOCTOR_GOOD, "configuration",
			   "%s, %zu agents", where.config, cfg->n_agents);
	else if (cfg)
		doctor_say(doctor, DOCTOR_GOOD, "configuration",
			   "no file; every session is sandboxed");
	cfg_free(cfg);
	cfg_problems_fini(&problems);
}

static void check_database(struct doctor *doctor, const char *dir)
{
	auto_free char *path = NULL;
	struct stat st;

	if (asprintf(&path, "%s/creel.db", dir) < 0) {
		path = NULL;
		return;
	}
	if (stat(path, &st) < 0)
		doctor_say(doctor, DOCTOR_GOOD, "store",
			   "%s is made on first use", path);
	else if (!S_ISREG(st.st_mode) || st.st_uid != geteuid())
		doctor_say(doctor, DOCTOR_BAD, "store",
			   "%s belongs to another user\nmove it away", path);
	else if (access(path, R_OK | W_OK))
		doctor_say(doctor, DOCTOR_BAD, "store", "%s: %s", path,
			   err_sys_text(errno));
	else
		doctor_say(doctor, DOCTOR_GOOD, "store", "%s", path);
}

/**
 * doctor_store() - can sessions be kept?
 */
void doctor_store(struct doctor *doctor)
{
	auto_where where = { .home = NULL };
	struct statvfs fs;

	if (cli_where_home(doctor->args, &where) < 0)
		return;
	if (statvfs(where.state_dir, &fs) < 0) {
		doctor_say(doctor, DOCTOR_GOOD, "store",
			   "%s is made on first use", where.state_dir);
		return;
	}
	if (access(where.state_dir, W_OK | X_OK)) {
		doctor_say(doctor, DOCTOR_BAD, "store", "%s: %s",
			   where.state_dir, err_sys_text(errno));
		return;
	}
	if ((uint64_t)fs.f_bavail * fs.f_frsize < SPACE_MIN_BYTES)
		doctor_say(doctor, DOCTOR_BAD, "store",
			   "%s: its file system is full\nfree some space, or set XDG_STATE_HOME",
			   where.state_dir);
	check_database(doctor, where.state_dir);
}

/* One that is not ready says nothing in time, and that is all right. */
static Ctl__Reply *ask(int sock, struct wire_frame *frame)
{
	Ctl__Request request = CTL__REQUEST__INIT;
	Ctl__Version version = CTL__VERSION__INIT;
	struct pollfd pfd = { .fd = sock, .events = POLLIN };
	struct err err = ERR_INIT;

	request.seq = 1;
	request.op_case = CTL__REQUEST__OP_VERSION;
	request.version = &version;
	/* Who refuses has answered, and is gone, before it is asked. */
	(void)wire_send_msg(sock, &request.base, WIRE_FRAME_MAX_BYTES, NULL, 0,
			    &err);
	err = (struct err)ERR_INIT;
	if (poll(&pfd, 1, ANSWER_MS) <= 0 ||
	    wire_recv(sock, frame, WIRE_MAX_FDS, &err) != WIRE_GOT)
		return NULL;
	return cli_reply_unpack(frame, &err);
}

/**
 * doctor_creeld() - what a creeld that runs complains about
 */
void doctor_creeld(struct doctor *doctor)
{
	auto_free char *dir = malloc(CLI_PATH_MAX);
	struct cli_target target;
	struct err err = ERR_INIT;
	auto_fd sock = -1;
	const Ctl__Reply *reply;
	auto_frame frame;

	cli_frame_init(&frame);
	cli_target_choose(doctor->args, &target);
	if (!dir || cli_path_runtime(target.helper == CLI_HELPER_SYSTEM, dir,
				     &err))
		return;
	sock = cli_connect_live(dir, target.helper == CLI_HELPER_SYSTEM, &err);
	if (sock < 0)
		return;
	reply = ask(sock, &frame);
	if (reply && reply->re_case == CTL__REPLY__RE_ERROR &&
	    reply->error->code == ERR_DENIED)
		doctor_say(doctor, doctor->system ? DOCTOR_BAD : DOCTOR_WARN,
			   "system helper",
			   "%s\nas root: put `allow %u' into /etc/creel/helper.conf, restart the service",
			   reply->error->text, (unsigned int)geteuid());
	if (!reply || reply->re_case != CTL__REPLY__RE_INFO)
		return;
	for (size_t i = 0; i < reply->info->n_problems; i++)
		doctor_say(doctor, DOCTOR_WARN, "creeld", "%s",
			   reply->info->problems[i]);
	if (reply->info->n_problems == 0)
		doctor_say(doctor, DOCTOR_GOOD, "creeld", "runs, version %s",
			   reply->info->version);
}
