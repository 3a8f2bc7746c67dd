// SPDX-License-Identifier: Apache-2.0
/*
 * creel version: of this program, and of the helper that it would use.
 */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "controller/cli/report.h"
#include "controller/cli/rpc.h"
#include "controller/cli/verbs.h"
#include "proto/exit-codes.h"

struct answer {
	bool json;
	bool failed;
};

static void print_json(const Ctl__Info *info)
{
	struct cli_json json = { .out = stdout };

	cli_json_open(&json, NULL, '{');
	cli_json_text(&json, "version", PACKAGE_VERSION);
	cli_json_text(&json, "creeld", info->version);
	cli_json_text(&json, "mode", info->system ? "system" : "rootless");
	cli_json_bool(&json, "id_range", info->id_range);
	cli_json_bool(&json, "idmap", info->idmap);
	cli_json_number(&json, "landlock_abi", info->landlock_abi);
	cli_json_bool(&json, "cgroup", info->cgroup);
	cli_json_text(&json, "controllers", info->controllers);
	cli_json_text(&json, "cgroup_why", info->cgroup_why);
	cli_json_bool(&json, "host_network", info->host_network);
	cli_json_number(&json, "sandboxes", info->sandboxes);
	cli_json_number(&json, "max_sandboxes", info->max_sandboxes);
	cli_json_close(&json, '}');
	cli_json_end(&json);
}

static void print_line(const char *label, const char *text)
{
	printf("%-12s  ", label);
	cli_put_text(stdout, text);
	putchar('\n');
}

static void print_text(const Ctl__Info *info)
{
	char text[64];

	print_line("creel", PACKAGE_VERSION);
	print_line("creeld", info->version);
	print_line("mode", info->system ? "system" : "rootless");
	print_line("ids", info->id_range ? "a range for each sandbox"
					 : "the caller's own alone");
	if (info->landlock_abi)
		(void)snprintf(text, sizeof(text), "ABI %u",
			       info->landlock_abi);
	else
		(void)snprintf(text, sizeof(text), "not in this kernel");
	print_line("landlock", text);
	if (!info->cgroup)
		print_line("limits", info->cgroup_why[0] ? info->cgroup_why
							 : "none");
	else
		print_line("limits", info->controllers[0] ? info->controllers
							  : "none");
	(void)snprintf(text, sizeof(text), "%u of %u", info->sandboxes,
		       info->max_sandboxes);
	print_line("sandboxes", text);
}

static bool take_info(const Ctl__Reply *reply, void *arg)
{
	struct answer *answer = arg;

	if (reply->re_case == CTL__REPLY__RE_ERROR) {
		(void)cli_report_error(reply->error, CREEL_EXIT_REFUSED);
		answer->failed = true;
	} else if (reply->re_case == CTL__REPLY__RE_INFO) {
		if (answer->json)
			print_json(reply->info);
		else
			print_text(reply->info);
	}
	return false;
}

/**
 * cli_version_main() - creel version
 *
 * Its own version is printed even where no helper can be reached.
 */
int cli_version_main(const struct cli_args *args)
{
	Ctl__Request request = CTL__REQUEST__INIT;
	Ctl__Version version = CTL__VERSION__INIT;
	struct answer answer = { .json = args->has[CLI_OPT_JSON] };

	if (args->n_words) {
		cli_error("%s: version takes no argument", args->words[0]);
		return CREEL_EXIT_USAGE;
	}
	request.op_case = CTL__REQUEST__OP_VERSION;
	request.version = &version;
	if (cli_ask(args, &request, take_info, &answer) || answer.failed) {
		if (!answer.json)
			print_line("creel", PACKAGE_VERSION);
		(void)cli_stdout_flush();
		return CREEL_EXIT_REFUSED;
	}
	return cli_stdout_flush() ? CREEL_EXIT_REFUSED : CREEL_EXIT_OK;
}
