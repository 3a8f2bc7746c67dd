// SPDX-License-Identifier: Apache-2.0
/*
 * The table of options and the parser that it drives.  Strict: an unknown
 * option, a missing or a superfluous value is an error that names it.
 */
#include <config.h>

#include "controller/cli/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/cleanup.h"

#define IN(verb) (1u << CLI_VERB_##verb)
#define RUNS (IN(RUN) | IN(EXEC) | IN(SHELL))
#define SHOWS (IN(LIST) | IN(RECREATE) | IN(PRUNE) | IN(LOGS) | IN(EVENTS))
#define STAYS (IN(KILL) | IN(PAUSE) | IN(RESUME))
#define ASKS (SHOWS | IN(MEDIA) | STAYS | IN(RM) | IN(STATS))
#define TABLES \
	(SHOWS | IN(STATS) | IN(MEDIA) | IN(DOCTOR) | IN(VERSION) | IN(IMAGE))
#define CONFIGURED \
	(IN(MEDIA) | IN(EXEC) | IN(SHELL) | IN(LIST) | IN(RECREATE) | \
	 IN(LOGS) | STAYS | IN(RM) | IN(STATS) | IN(CONFIG) | \
	 IN(EXPLAIN) | IN(DOCTOR) | TOOLS)
#define TOOLS (IN(TOOL) | IN(MCP))
#define SHAPES (RUNS | TOOLS)
#define ALL ((1u << CLI_VERB_COUNT) - 1)

static const struct cli_option options[] = {
	{ CLI_OPT_IMAGE, 0, "image", "host|NAME|DIR", SHAPES,
	  "root file system: the host's /usr, an image, or a directory" },
	{ CLI_OPT_WORKSPACE, 0, "workspace", "DIR[:ro|rw]", SHAPES,
	  "directory that appears at /workspace" },
	{ CLI_OPT_BIND, 0, "bind", "SRC:DST[:ro|rw]", SHAPES,
	  "directory or file of the host that appears at DST" },
	{ CLI_OPT_ALLOW_BIND, 0, "allow-bind", "PATH", SHAPES,
	  "protected path or socket of the host that may be bound" },
	{ CLI_OPT_PROTECT, 0, "protect", "PATH|!PATH", SHAPES,
	  "path of the workspace that is read-only, or is not" },
	{ CLI_OPT_TMPFS, 0, "tmpfs", "PATH[:OPTION,...]", SHAPES,
	  "empty file system in memory" },
	{ CLI_OPT_READ_ONLY, 0, "read-only", NULL, SHAPES,
	  "the root file system cannot be written (the default)" },
	{ CLI_OPT_WRITABLE, 0, "writable", NULL, SHAPES,
	  "the root file system can be written, until the sandbox goes" },
	{ CLI_OPT_HOSTNAME, 0, "hostname", "NAME", SHAPES, "host name inside" },
	{ CLI_OPT_NETWORK, 0, "network", "none|host", SHAPES,
	  "loopback only (the default), or the host's network" },
	{ CLI_OPT_MEMORY, 0, "memory", "SIZE", SHAPES, "memory limit" },
	{ CLI_OPT_MEMORY_SWAP, 0, "memory-swap", "SIZE", SHAPES,
	  "limit of memory and swap together" },
	{ CLI_OPT_CPUS, 0, "cpus", "NUMBER", SHAPES,
	  "processor time, such as 0.5" },
	{ CLI_OPT_PIDS, 0, "pids", "NUMBER", SHAPES, "limit of processes" },
	{ CLI_OPT_ULIMIT, 0, "ulimit", "NAME=SOFT[:HARD]", SHAPES,
	  "resource limit of each process" },
	{ CLI_OPT_CAP_KEEP, 0, "cap-keep", "NAME[,NAME...]", SHAPES,
	  "capabilities that commands keep inside" },
	{ CLI_OPT_DNS, 0, "dns", "ADDRESS", SHAPES,
	  "name server in /etc/resolv.conf inside" },
	{ CLI_OPT_ADD_HOST, 0, "add-host", "NAME:ADDRESS", SHAPES,
	  "line of /etc/hosts inside" },
	{ CLI_OPT_APPARMOR, 0, "apparmor", "PROFILE", SHAPES,
	  "AppArmor profile of the sandbox's commands" },
	{ CLI_OPT_BEST_EFFORT, 0, "best-effort", NULL, SHAPES,
	  "a limit that cannot be set here is a warning" },
	{ CLI_OPT_NAME, 0, "name", "NAME", IN(RUN), "name of the sandbox" },
	{ CLI_OPT_USER, 0, "user", "UID[:GID]|NAME", RUNS,
	  "identity of the command inside" },
	{ CLI_OPT_WORKDIR, 0, "workdir", "PATH", RUNS,
	  "directory inside that the command starts in" },
	{ CLI_OPT_ENV, 0, "env", "NAME[=VALUE]", RUNS,
	  "environment variable; without a value, the caller's" },
	{ CLI_OPT_ENV_FILE, 0, "env-file", "FILE", RUNS,
	  "file with one NAME[=VALUE] a line" },
	{ CLI_OPT_TIMEOUT, 0, "timeout", "TIME", RUNS,
	  "the command and all that it started die after TIME" },
	{ CLI_OPT_SECCOMP, 0, "seccomp", "agent|strict|baseline|FILE", RUNS,
	  "system call filter" },
	{ CLI_OPT_TTY, 't', "tty", NULL, RUNS, "give it a terminal" },
	{ CLI_OPT_NO_TTY, 'T', "no-tty", NULL, RUNS, "give it none" },
	{ CLI_OPT_INTERACTIVE, 'i', "interactive", NULL, RUNS,
	  "accepted; standard input is always connected" },
	{ CLI_OPT_RM, 0, "rm", NULL, IN(RUN),
	  "accepted; the sandbox always goes with its command" },
	{ CLI_OPT_DETACH, 'd', "detach", NULL, IN(RUN) | IN(EXEC),
	  "do not wait; print the sandbox's id" },
	{ CLI_OPT_SIGNAL, 's', "signal", "NAME|NUMBER", IN(KILL),
	  "send it to the commands, instead of killing everything" },
	{ CLI_OPT_REPLACE, 0, "replace", NULL, IN(IMAGE),
	  "import in the place of an image of that name" },
	{ CLI_OPT_ALL, 0, "all", NULL, IN(LIST) | IN(RECREATE),
	  "every session: those without a sandbox, too" },
	{ CLI_OPT_SESSION, 0, "session", "KEY",
	  IN(RECREATE) | IN(LOGS) | IN(EXPLAIN) | IN(MEDIA) | TOOLS,
	  "of this session" },
	{ CLI_OPT_AGENT, 0, "agent", "ID",
	  IN(RECREATE) | IN(LOGS) | IN(EXPLAIN),
	  "of this agent" },
	{ CLI_OPT_TOOL, 0, "tool", "NAME", IN(LOGS) | IN(EXPLAIN),
	  "of this tool" },
	{ CLI_OPT_TOOLS, 0, "tools", "NAME[,NAME...]", IN(MCP),
	  "offer these tools, and no others" },
	{ CLI_OPT_PROVIDER, 0, "provider", "NAME[/MODEL]",
	  IN(EXPLAIN) | TOOLS, "as for this provider of models" },
	{ CLI_OPT_CHANNEL, 0, "channel", "NAME", TOOLS,
	  "channel that the request came by" },
	{ CLI_OPT_SENDER, 0, "sender", "WHO", TOOLS,
	  "who asked, on that channel" },
	{ CLI_OPT_SINCE, 0, "since", "TIME", IN(LOGS),
	  "not what was before TIME" },
	{ CLI_OPT_UNTIL, 0, "until", "TIME", IN(LOGS),
	  "not what was after TIME" },
	{ CLI_OPT_LIMIT, 0, "limit", "NUMBER", IN(LOGS),
	  "the last so many records" },
	{ CLI_OPT_FOLLOW, 'f', "follow", NULL, IN(LOGS) | IN(EVENTS),
	  "go on with what comes" },
	{ CLI_OPT_FORCE, 0, "force", NULL, IN(RECREATE), "do not ask" },
	{ CLI_OPT_DRY_RUN, 0, "dry-run", NULL, IN(PRUNE),
	  "only say what would be removed" },
	{ CLI_OPT_JSON, 0, "json", NULL,
	  RUNS | TABLES | IN(CONFIG) | IN(EXPLAIN) | IN(TOOL),
	  "print JSON" },
	{ CLI_OPT_ORIGIN, 0, "origin", NULL, IN(CONFIG),
	  "where each value comes from, in full" },
	{ CLI_OPT_CONFIG, 0, "config", "FILE", CONFIGURED,
	  "configuration that is used" },
	{ CLI_OPT_HOST, 0, "host", NULL, IN(EXEC) | IN(SHELL),
	  "run it outside, where the configuration has the sandbox off" },
	{ CLI_OPT_SYSTEM, 0, "system", NULL,
	  RUNS | ASKS | IN(VERSION) | IN(DOCTOR) | IN(IMAGE) | IN(EXPLAIN) |
		  TOOLS,
	  "use the system's helper" },
	{ CLI_OPT_ROOTLESS, 0, "rootless", NULL,
	  RUNS | ASKS | IN(VERSION) | IN(DOCTOR) | IN(IMAGE) | IN(EXPLAIN) |
		  TOOLS,
	  "use the caller's own helper" },
	{ CLI_OPT_NO_DAEMON, 0, "no-daemon", NULL, IN(RUN),
	  "leave no process behind" },
	{ CLI_OPT_DUMP, 0, "dump-options", NULL, IN(HELP),
	  "print the table of options, for tests" },
	{ CLI_OPT_COMPLETE, 0, "complete", NULL, IN(HELP),
	  "print what could stand in the place of the last word" },
	{ CLI_OPT_HELP, 'h', "help", NULL, ALL, "print a summary" },
};

#define N_OPTIONS (sizeof(options) / sizeof(options[0]))

static const struct cli_option *find_long(const struct cli_verb *verb,
					  const char *name, size_t len)
{
	for (size_t i = 0; i < N_OPTIONS; i++)
		if (options[i].verbs & (1u << verb->id) &&
		    strlen(options[i].name) == len &&
		    !memcmp(options[i].name, name, len))
			return &options[i];
	return NULL;
}

static const struct cli_option *find_letter(const struct cli_verb *verb,
					    char letter)
{
	for (size_t i = 0; i < N_OPTIONS; i++)
		if (options[i].letter == letter &&
		    options[i].verbs & (1u << verb->id))
			return &options[i];
	return NULL;
}

static void note(struct cli_args *args, const struct cli_option *option,
		 const char *value)
{
	args->given[args->n_given++] = (struct cli_given){ option->opt, value };
	args->has[option->opt] = true;
	args->last[option->opt] = value;
}

/* --name, --name=VALUE or --name VALUE; moves @argv past what it used. */
static int parse_long(struct cli_args *args, char ***argv, struct err *err)
{
	const char *name = **argv + 2;
	const char *equals = strchr(name, '=');
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	const struct cli_option *option = find_long(args->verb, name, len);

	if (!option)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "--%.*s: unknown option of %s",
			       len > 64 ? 64 : (int)len, name,
			       args->verb->name);
	if (equals && !option->arg)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "--%s: takes no value", option->name);
	if (equals) {
		note(args, option, equals + 1);
	} else if (!option->arg) {
		note(args, option, NULL);
	} else {
		if (!(*argv)[1])
			return err_set(err, ERR_BAD_REQUEST, 0,
				       "--%s: needs a value: %s", option->name,
				       option->arg);
		note(args, option, *++*argv);
	}
	++*argv;
	return 0;
}

/* -x, -xy, or -x VALUE; moves @argv past what it used. */
static int parse_letters(struct cli_args *args, char ***argv, size_t room,
			 struct err *err)
{
	const char *letter = **argv + 1;

	for (; *letter; letter++) {
		const struct cli_option *option = find_letter(args->verb,
							      *letter);

		if (!option || room-- == 0)
			return err_set(err, ERR_BAD_REQUEST, 0,
				       "-%c: unknown option of %s", *letter,
				       args->verb->name);
		if (!option->arg) {
			note(args, option, NULL);
			continue;
		}
		if (letter[1] || !(*argv)[1])
			return err_set(err, ERR_BAD_REQUEST, 0,
				       "-%c: needs a value: %s", *letter,
				       option->arg);
		note(args, option, *++*argv);
	}
	++*argv;
	return 0;
}

static int check_pairs(const struct cli_args *args, struct err *err)
{
	static const enum cli_opt pairs[][2] = {
		{ CLI_OPT_READ_ONLY, CLI_OPT_WRITABLE },
		{ CLI_OPT_TTY, CLI_OPT_NO_TTY },
		{ CLI_OPT_TTY, CLI_OPT_DETACH },
		{ CLI_OPT_SYSTEM, CLI_OPT_ROOTLESS },
		{ CLI_OPT_NO_DAEMON, CLI_OPT_DETACH },
		{ CLI_OPT_HOST, CLI_OPT_DETACH },
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (args->has[pairs[i][0]] && args->has[pairs[i][1]])
			return err_set(err, ERR_BAD_REQUEST, 0,
				       "--%s: cannot be given with --%s",
				       cli_opt_name(pairs[i][0]),
				       cli_opt_name(pairs[i][1]));
	return 0;
}

static bool is_option(const char *word)
{
	return word[0] == '-' && word[1];
}

/**
 * cli_args_parse() - sort the words of a command line
 * @verb: borrowed for the life of @args
 * @argv: what follows the verb, NULL-terminated, borrowed likewise
 * @args: filled; cli_args_fini() is due on failure too
 * @err:  BAD_REQUEST that names the option
 *
 * Options end at the first word that is none, or at "--"; of a verb that has
 * words of its own they may come after words, too, and @argv is rearranged.
 */
int cli_args_parse(const struct cli_verb *verb, char **argv,
		   struct cli_args *args, struct err *err)
{
	size_t room = 1;

	*args = (struct cli_args){ .verb = verb };
	for (char **word = argv; *word; word++)
		room += strlen(*word);
	args->given = calloc(room, sizeof(*args->given));
	if (!args->given)
		return err_set(err, ERR_KERNEL, ENOMEM, "options");
	args->words = argv;
	while (*argv && (verb->mixed || is_option(*argv))) {
		int ret;

		if (!strcmp(*argv, "--")) {
			argv++;
			break;
		}
		if (!is_option(*argv)) {
			args->words[args->n_words++] = *argv++;
			continue;
		}
		if ((*argv)[1] == '-')
			ret = parse_long(args, &argv, err);
		else
			ret = parse_letters(args, &argv, room - args->n_given,
					    err);
		if (ret)
			return -1;
	}
	if (!verb->mixed) {
		args->words = argv;
		while (argv[args->n_words])
			args->n_words++;
		return check_pairs(args, err);
	}
	/* Words are moved down to where options were. */
	for (; *argv; argv++)
		args->words[args->n_words++] = *argv;
	args->words[args->n_words] = NULL;
	return check_pairs(args, err);
}

/**
 * cli_args_fini() - release what cli_args_parse() took; idempotent
 */
void cli_args_fini(struct cli_args *args)
{
	free(args->given);
	args->given = NULL;
	args->n_given = 0;
}

/**
 * cli_opt_name() - an option's long name, without the dashes
 */
const char *cli_opt_name(enum cli_opt opt)
{
	for (size_t i = 0; i < N_OPTIONS; i++)
		if (options[i].opt == opt)
			return options[i].name;
	return "?";
}

/**
 * cli_option_after() - the options of a verb, one after the other
 * @last: NULL: the first one
 *
 * Return: NULL after the last.
 */
const struct cli_option *cli_option_after(const struct cli_verb *verb,
					  const struct cli_option *last)
{
	const struct cli_option *at = last ? last + 1 : options;

	while (at < options + N_OPTIONS && !(at->verbs & (1u << verb->id)))
		at++;
	return at < options + N_OPTIONS ? at : NULL;
}

/**
 * cli_usage_print() - what --help prints of one verb
 */
void cli_usage_print(const struct cli_verb *verb)
{
	char left[64];

	printf("usage: creel %s [options]%s%s\n%s\n\n", verb->name,
	       verb->synopsis[0] ? " " : "", verb->synopsis, verb->summary);
	for (size_t i = 0; i < N_OPTIONS; i++) {
		const struct cli_option *o = &options[i];

		if (!(o->verbs & (1u << verb->id)) || o->opt == CLI_OPT_DUMP ||
		    o->opt == CLI_OPT_COMPLETE)
			continue;
		(void)snprintf(left, sizeof(left), "%c%c%s--%s%s%s",
			       o->letter ? '-' : ' ',
			       o->letter ? o->letter : ' ',
			       o->letter ? ", " : "  ", o->name,
			       o->arg ? " " : "", o->arg ? o->arg : "");
		printf("  %-38s  %s\n", left, o->help);
	}
	printf("\nSee creel-%s(1), or `creel help %s'.\n", verb->name,
	       verb->name);
}

/**
 * cli_options_dump() - the table as tab-separated lines: verb, letter, name,
 * argument
 */
void cli_options_dump(void)
{
	const struct cli_verb *verb;

	for (size_t v = 0; (verb = cli_verb_at(v)); v++)
		for (size_t i = 0; i < N_OPTIONS; i++)
			if (options[i].verbs & (1u << verb->id))
				printf("%s\t%c\t%s\t%s\n", verb->name,
				       options[i].letter ? options[i].letter
							 : '-',
				       options[i].name,
				       options[i].arg ? options[i].arg : "-");
}
