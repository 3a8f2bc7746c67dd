// SPDX-License-Identifier: Apache-2.0
/*
 * creel media add: gives files to a session.  creeld copies them, by its own
 * rules of where they may come from; here they only get their whole names.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/cli/report.h"
#include "controller/cli/rpc.h"
#include "controller/cli/verbs.h"
#include "controller/cli/where.h"
#include "proto/cleanup.h"
#include "proto/exit-codes.h"

struct adding {
	struct cli_json *json; /* borrowed, NULL: text */
	int status;
};

static void print_path(const struct adding *adding, const char *path)
{
	if (adding->json) {
		cli_json_text(adding->json, NULL, path);
		return;
	}
	cli_put_text(stdout, path);
	putchar('\n');
}

static bool take(const Ctl__Reply *reply, void *arg)
{
	struct adding *adding = arg;

	if (reply->re_case == CTL__REPLY__RE_ERROR) {
		(void)cli_report_error(reply->error, CREEL_EXIT_REFUSED);
		adding->status = CREEL_EXIT_REFUSED;
		return false;
	}
	for (size_t i = 0; i < reply->media->n_paths; i++)
		print_path(adding, reply->media->paths[i]);
	return false;
}

/* One request a file: each has its own answer, and its own time. */
static void add(const struct cli_args *args, Ctl__Request *request,
		const char *file, struct adding *adding)
{
	auto_free char *cwd = file[0] == '/' ? NULL : getcwd(NULL, 0);
	auto_free char *path = NULL;

	if (file[0] != '/' && !cwd) {
		cli_error("%s: the working directory is gone", file);
		adding->status = CREEL_EXIT_REFUSED;
		return;
	}
	if (asprintf(&path, "%s%s%s", cwd ? cwd : "", cwd ? "/" : "", file) <
	    0) {
		path = NULL;
		cli_error("%s: no memory", file);
		adding->status = CREEL_EXIT_REFUSED;
		return;
	}
	request->media_add->files = &path;
	request->media_add->n_files = 1;
	/* Asked again after a lost connection, it may be there twice. */
	if (cli_ask(args, request, take, adding))
		adding->status = CREEL_EXIT_REFUSED;
}

static int check(const struct cli_args *args)
{
	if (args->n_words == 0 || strcmp(args->words[0], "add") != 0) {
		cli_error("%s: media has one verb, add",
			  args->n_words ? args->words[0] : "media");
		return -1;
	}
	if (!args->has[CLI_OPT_SESSION]) {
		cli_error("media add: --session is missing");
		return -1;
	}
	if (args->n_words == 1) {
		cli_error("media add: no file is named");
		return -1;
	}
	for (int i = 1; i < args->n_words; i++) {
		if (!args->words[i][0]) {
			cli_error("media add: the name of a file is empty");
			return -1;
		}
	}
	return 0;
}

/**
 * cli_media_main() - creel media add --session KEY FILE...
 */
int cli_media_main(const struct cli_args *args)
{
	auto_where where = { .home = NULL };
	struct cli_json json = { .out = stdout };
	struct adding adding = { .status = CREEL_EXIT_OK };
	Ctl__Request request = CTL__REQUEST__INIT;
	Ctl__MediaAdd media = CTL__MEDIA_ADD__INIT;
	Ctl__Config config;

	if (check(args))
		return CREEL_EXIT_USAGE;
	if (cli_where_find(args, &where))
		return CREEL_EXIT_REFUSED;
	cli_where_config(&where, &config);
	media.config = &config;
	media.session = (char *)args->last[CLI_OPT_SESSION];
	request.op_case = CTL__REQUEST__OP_MEDIA_ADD;
	request.media_add = &media;
	if (args->has[CLI_OPT_JSON]) {
		adding.json = &json;
		cli_json_open(&json, NULL, '[');
	}
	for (int i = 1; i < args->n_words; i++)
		add(args, &request, args->words[i], &adding);
	if (adding.json) {
		cli_json_close(&json, ']');
		cli_json_end(&json);
	}
	return cli_stdout_flush() ? CREEL_EXIT_REFUSED : adding.status;
}
