// SPDX-License-Identifier: Apache-2.0
/*
 * creel(1): finds the verb, has its options parsed, runs it.
 */
#include <config.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "controller/cli/options.h"
#include "controller/cli/report.h"
#include "controller/cli/session.h"
#include "controller/cli/stdio.h"
#include "controller/cli/verbs.h"
#include "proto/exit-codes.h"

static const struct cli_verb verbs[] = {
	{ CLI_VERB_RUN, "run", "[--] COMMAND [ARGUMENT...]",
	  "run one command in a sandbox of its own", cli_session_main },
	{ CLI_VERB_EXEC, "exec", "TARGET [--] COMMAND [ARGUMENT...]",
	  "run a command in a session's or a named sandbox", cli_session_main },
	{ CLI_VERB_SHELL, "shell", "TARGET", "open a login shell in a sandbox",
	  cli_session_main },
	{ CLI_VERB_LIST, "list", "", "list the sandboxes", cli_list_main },
	{ CLI_VERB_KILL, "kill", "TARGET...",
	  "kill what runs in a sandbox, or send it a signal", cli_kill_main },
	{ CLI_VERB_RM, "rm", "TARGET...", "remove a sandbox", cli_rm_main },
	{ CLI_VERB_PAUSE, "pause", "TARGET...",
	  "stop a sandbox until it is resumed", cli_pause_main },
	{ CLI_VERB_RESUME, "resume", "TARGET...",
	  "let a paused sandbox go on", cli_resume_main },
	{ CLI_VERB_STATS, "stats", "[TARGET]",
	  "show what sandboxes use of their limits", cli_stats_main },
	{ CLI_VERB_RECREATE, "recreate", "",
	  "remove sandboxes of sessions, to be made anew when next used",
	  cli_recreate_main },
	{ CLI_VERB_PRUNE, "prune", "",
	  "remove what was idle or lived for too long", cli_prune_main },
	{ CLI_VERB_LOGS, "logs", "", "show the audit log", cli_logs_main },
	{ CLI_VERB_EVENTS, "events", "",
	  "show what happens to sandboxes, as it happens", cli_events_main },
	{ CLI_VERB_MEDIA, "media", "add --session KEY FILE...",
	  "give files to a session", cli_media_main, .mixed = true },
	{ CLI_VERB_TOOL, "tool", "list | call NAME [JSON|@FILE|-]",
	  "show or call the tools of a session", cli_tool_main,
	  .mixed = true },
	{ CLI_VERB_MCP, "mcp", "",
	  "serve the tools of a session to a client of MCP", cli_mcp_main },
	{ CLI_VERB_EXPLAIN, "explain", "",
	  "what applies to a session, why, and which key changes it",
	  cli_explain_main },
	{ CLI_VERB_DOCTOR, "doctor", "",
	  "find out what this machine can do, and what to change",
	  cli_doctor_main },
	{ CLI_VERB_CONFIG, "config", "check [FILE...] | show",
	  "check configuration files, or show what is in force",
	  cli_config_main, .mixed = true },
	{ CLI_VERB_VERSION, "version", "",
	  "print the versions, and which helper is used", cli_version_main },
	{ CLI_VERB_IMAGE, "image",
	  "import NAME DIR|TAR|- | list | inspect NAME | rm NAME...",
	  "keep root file systems for sandboxes", cli_image_main,
	  .mixed = true },
	{ CLI_VERB_HELP, "help", "[VERB]", "open the manual", cli_help_main },
};

#define N_VERBS (sizeof(verbs) / sizeof(verbs[0]))

/**
 * cli_verb_at() - the verbs in their order; NULL after the last
 */
const struct cli_verb *cli_verb_at(size_t index)
{
	return index < N_VERBS ? &verbs[index] : NULL;
}

/**
 * cli_verb_find() - a verb by its name, or NULL
 */
const struct cli_verb *cli_verb_find(const char *name)
{
	for (size_t i = 0; i < N_VERBS; i++)
		if (!strcmp(verbs[i].name, name))
			return &verbs[i];
	return NULL;
}

/**
 * cli_verb_usage_status() - the exit status of a usage error
 *
 * 125 where the status is otherwise the command's own.
 */
int cli_verb_usage_status(const struct cli_verb *verb)
{
	switch (verb->id) {
	case CLI_VERB_RUN:
	case CLI_VERB_EXEC:
	case CLI_VERB_SHELL:
		return CREEL_EXIT_FAILED;
	case CLI_VERB_INVALID:
	case CLI_VERB_LIST:
	case CLI_VERB_KILL:
	case CLI_VERB_RM:
	case CLI_VERB_PAUSE:
	case CLI_VERB_RESUME:
	case CLI_VERB_STATS:
	case CLI_VERB_RECREATE:
	case CLI_VERB_PRUNE:
	case CLI_VERB_LOGS:
	case CLI_VERB_EVENTS:
	case CLI_VERB_MEDIA:
	case CLI_VERB_TOOL:
	case CLI_VERB_MCP:
	case CLI_VERB_EXPLAIN:
	case CLI_VERB_DOCTOR:
	case CLI_VERB_CONFIG:
	case CLI_VERB_VERSION:
	case CLI_VERB_IMAGE:
	case CLI_VERB_HELP:
	case CLI_VERB_COUNT:
		break;
	}
	return CREEL_EXIT_USAGE;
}

static int run_verb(const struct cli_verb *verb, char **argv)
{
	__attribute__((cleanup(cli_args_fini))) struct cli_args args = {
		.given = NULL,
	};
	struct err err = ERR_INIT;

	if (cli_args_parse(verb, argv, &args, &err)) {
		cli_error("%s", err.text);
		cli_hint("`creel %s --help' lists the options", verb->name);
		return cli_verb_usage_status(verb);
	}
	if (args.has[CLI_OPT_HELP]) {
		cli_usage_print(verb);
		return cli_stdout_flush() ? CREEL_EXIT_REFUSED
					  : CREEL_EXIT_OK;
	}
	return verb->run(&args);
}

/* "creel --version" and "creel sandbox list" are habits from elsewhere. */
static const struct cli_verb *find_verb(char ***argv)
{
	const char *word = **argv;

	if (!strcmp(word, "sandbox") && (*argv)[1] &&
	    (!strcmp((*argv)[1], "list") || !strcmp((*argv)[1], "explain") ||
	     !strcmp((*argv)[1], "recreate")))
		word = *++*argv;
	if (!strcmp(word, "--help") || !strcmp(word, "-h"))
		word = "help";
	if (!strcmp(word, "--version"))
		word = "version";
	++*argv;
	return cli_verb_find(word);
}

int main(int argc, char **argv)
{
	const struct cli_verb *verb;

	cli_stdio_guard();
	(void)signal(SIGPIPE, SIG_IGN);
	if (argc < 2) {
		cli_error("VERB: missing");
		cli_hint("`creel help' lists the verbs");
		return CREEL_EXIT_USAGE;
	}
	argv++;
	verb = find_verb(&argv);
	if (!verb) {
		cli_error("%.64s: there is no such verb", argv[-1]);
		cli_hint("`creel help' lists the verbs");
		return CREEL_EXIT_USAGE;
	}
	return run_verb(verb, argv);
}
