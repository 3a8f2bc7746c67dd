// SPDX-License-Identifier: Apache-2.0
/*
 * creel help: the man page of a verb, from the build tree where it is not
 * installed.
 */
#include <config.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "controller/cli/complete.h"
#include "controller/cli/paths.h"
#include "controller/cli/report.h"
#include "controller/cli/verbs.h"
#include "proto/cleanup.h"
#include "proto/exit-codes.h"

static void print_summary(void)
{
	const struct cli_verb *verb;

	puts("usage: creel VERB [options] [arguments]\n");
	for (size_t i = 0; (verb = cli_verb_at(i)); i++)
		printf("  %-8s  %s\n", verb->name, verb->summary);
	puts("\n`creel help VERB' opens its manual, `creel VERB --help' lists "
	     "its options.\n`creel help creel' is a tour; there are tools, "
	     "security, creel.conf and\nhelper.conf as well.");
}

static bool page_name(const char *word, char *page, size_t size)
{
	if (!strcmp(word, "creel")) {
		(void)snprintf(page, size, "creel");
		return true;
	}
	if (!strcmp(word, "creeld") || !strcmp(word, "creel-helper") ||
	    !strcmp(word, "helper.conf") || !strcmp(word, "creel.conf")) {
		(void)snprintf(page, size, "%s", word);
		return true;
	}
	if (cli_verb_find(word) || !strcmp(word, "security") ||
	    !strcmp(word, "tools")) {
		(void)snprintf(page, size, "creel-%s", word);
		return true;
	}
	return false;
}

/* The source tree that the build tree at @top was configured from. */
static bool source_tree(const char *top, char *path)
{
	static const char key[] = "abs_top_srcdir = ";
	auto_free char *line = NULL;
	size_t room = 0;
	bool found = false;
	FILE *file;

	(void)snprintf(path, CLI_PATH_MAX, "%s/Makefile", top);
	file = fopen(path, "re");
	while (file && !found && getline(&line, &room, file) > 0) {
		found = !strncmp(line, key, sizeof(key) - 1);
		line[strcspn(line, "\n")] = '\0';
	}
	if (file)
		(void)fclose(file);
	if (found)
		(void)snprintf(path, CLI_PATH_MAX, "%s",
			       line + sizeof(key) - 1);
	return found;
}

static bool page_below(const char *top, const char *page, char *path)
{
	for (const char *section = "1578"; *section; section++) {
		int used = snprintf(path, CLI_PATH_MAX, "%s/man/%s.%c", top,
				    page, *section);

		if (used > 0 && used < CLI_PATH_MAX && !access(path, R_OK))
			return true;
	}
	return false;
}

/* A page of the tree that this program was built in and not installed from. */
static bool built_page(const char *page, char *path)
{
	auto_free char *top = malloc(CLI_PATH_MAX);
	ssize_t len = top ? readlink("/proc/self/exe", top, CLI_PATH_MAX - 1)
			  : -1;
	char *end;

	if (len < 0)
		return false;
	top[len] = '\0';
	end = strstr(top, "/controller/creel");
	if (!end || strcmp(end, "/controller/creel") != 0)
		return false;
	*end = '\0';
	/* Some pages are made when the program is. */
	if (page_below(top, page, path))
		return true;
	if (!source_tree(top, path))
		return false;
	(void)snprintf(top, CLI_PATH_MAX, "%s", path);
	return page_below(top, page, path);
}

static int run_reader(const char *program, const char *page)
{
	const char *argv[] = { program, page, NULL };
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		(void)signal(SIGPIPE, SIG_DFL);
		execvp(program, (char *const *)argv);
		_exit(CREEL_EXIT_NOT_FOUND);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return CREEL_EXIT_NOT_FOUND;
	return WIFEXITED(status) ? WEXITSTATUS(status) : CREEL_EXIT_REFUSED;
}

/* mdoc(7) source is readable enough where nothing can format it. */
static int print_file(const char *path)
{
	auto_fd fd = open(path, O_RDONLY | O_CLOEXEC);
	char buf[4096];
	ssize_t got;

	while (fd >= 0 && (got = read(fd, buf, sizeof(buf))) > 0)
		if (fwrite(buf, 1, (size_t)got, stdout) != (size_t)got)
			break;
	return fd < 0 || cli_stdout_flush() ? CREEL_EXIT_REFUSED
					    : CREEL_EXIT_OK;
}

static int open_page(const char *page)
{
	auto_free char *path = malloc(CLI_PATH_MAX);
	int status;

	if (path && built_page(page, path)) {
		status = run_reader("man", path);
		if (status == CREEL_EXIT_NOT_FOUND)
			status = run_reader("mandoc", path);
		if (status == CREEL_EXIT_NOT_FOUND)
			status = print_file(path);
		return status;
	}
	status = run_reader("man", page);
	if (status == CREEL_EXIT_NOT_FOUND) {
		cli_error("man: not installed");
		cli_hint("install the Debian package man-db, or use --help");
	}
	return status ? CREEL_EXIT_REFUSED : CREEL_EXIT_OK;
}

/**
 * cli_help_main() - creel help [VERB]
 */
int cli_help_main(const struct cli_args *args)
{
	char page[64];

	if (args->has[CLI_OPT_DUMP]) {
		cli_options_dump();
		return cli_stdout_flush() ? CREEL_EXIT_REFUSED
					  : CREEL_EXIT_OK;
	}
	if (args->has[CLI_OPT_COMPLETE]) {
		cli_complete(args->words, args->n_words);
		return cli_stdout_flush() ? CREEL_EXIT_REFUSED
					  : CREEL_EXIT_OK;
	}
	if (!args->n_words) {
		print_summary();
		return cli_stdout_flush() ? CREEL_EXIT_REFUSED
					  : CREEL_EXIT_OK;
	}
	if (args->n_words > 1 ||
	    !page_name(args->words[0], page, sizeof(page))) {
		cli_error("%s: there is no such page",
			  args->words[args->n_words > 1]);
		cli_hint("`creel help' lists the verbs");
		return CREEL_EXIT_USAGE;
	}
	return open_page(page);
}
