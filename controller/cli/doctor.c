// SPDX-License-Identifier: Apache-2.0
/*
 * creel doctor: what this machine can do for a sandbox, and what to change.
 * It asks the kernel, not the helper: it must speak where that cannot start.
 */
#include <config.h>

#include "controller/cli/doctor.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controller/cli/verbs.h"
#include "proto/cleanup.h"
#include "proto/exit-codes.h"

static const struct {
	const char *word;
	const char *colour;
} levels[] = {
	[DOCTOR_INVALID] = { "", "" },
	[DOCTOR_GOOD] = { "ok", "\033[32m" },
	[DOCTOR_WARN] = { "warning", "\033[33m" },
	[DOCTOR_BAD] = { "failed", "\033[31m" },
};

static void print_line(const struct doctor *doctor, enum doctor_level level,
		       const char *check, const char *text)
{
	printf("%s%-7s%s  %-16s  ", doctor->colour ? levels[level].colour : "",
	       levels[level].word, doctor->colour ? "\033[0m" : "", check);
	cli_put_text(stdout, text);
	putchar('\n');
}

/**
 * doctor_say() - the outcome of a check
 */
void doctor_say(struct doctor *doctor, enum doctor_level level,
		const char *check, const char *fmt, ...)
{
	auto_free char *text = NULL;
	va_list args;
	char *hint;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	hint = text ? strchr(text, '\n') : NULL;
	if (hint)
		*hint++ = '\0';
	if (level == DOCTOR_BAD)
		doctor->bad = true;
	if (doctor->want_json) {
		cli_json_open(&doctor->json, NULL, '{');
		cli_json_text(&doctor->json, "check", check);
		cli_json_text(&doctor->json, "level", levels[level].word);
		cli_json_text(&doctor->json, "text", text);
		if (hint)
			cli_json_text(&doctor->json, "hint", hint);
		else
			cli_json_null(&doctor->json, "hint");
		cli_json_close(&doctor->json, '}');
		return;
	}
	print_line(doctor, level, check, text);
	if (hint) {
		printf("%-7s  %-16s  hint: ", "", "");
		cli_put_text(stdout, hint);
		putchar('\n');
	}
}

/**
 * doctor_read() - the beginning of a file, without its last newline
 *
 * Return: false where it cannot be read; @text is "" then.
 */
bool doctor_read(const char *path, char *text, size_t size)
{
	auto_fd fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t got = fd >= 0 ? read(fd, text, size - 1) : -1;

	text[got > 0 ? got : 0] = '\0';
	if (got > 0 && text[got - 1] == '\n')
		text[got - 1] = '\0';
	return got >= 0;
}

/**
 * cli_doctor_main() - creel doctor
 */
int cli_doctor_main(const struct cli_args *args)
{
	static void (*const checks[])(struct doctor *) = {
		doctor_kernel,	 doctor_userns, doctor_ids,
		doctor_seccomp,	 doctor_landlock, doctor_cgroup,
		doctor_programs, doctor_socket, doctor_linger,
		doctor_config,	 doctor_store,	doctor_creeld,
	};
	struct doctor doctor = {
		.args = args,
		.json = { .out = stdout },
		.want_json = args->has[CLI_OPT_JSON],
		.colour = cli_colour(stdout),
		.system = args->has[CLI_OPT_SYSTEM] ||
			  (geteuid() == 0 && !args->has[CLI_OPT_ROOTLESS]),
	};

	if (args->n_words) {
		cli_error("%s: doctor takes no argument", args->words[0]);
		return CREEL_EXIT_USAGE;
	}
	if (doctor.want_json)
		cli_json_open(&doctor.json, NULL, '[');
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		checks[i](&doctor);
	if (doctor.want_json) {
		cli_json_close(&doctor.json, ']');
		cli_json_end(&doctor.json);
	}
	if (cli_stdout_flush() || doctor.bad)
		return CREEL_EXIT_REFUSED;
	return CREEL_EXIT_OK;
}
