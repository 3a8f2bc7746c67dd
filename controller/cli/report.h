/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What creel says of itself: errors, hints, warnings, escaped text, JSON.
 */
#ifndef CONTROLLER_CLI_REPORT_H
#define CONTROLLER_CLI_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

char *cli_escape(const char *text, bool utf8);
bool cli_char_is_harmful(uint32_t code);
bool cli_locale_is_utf8(void);
void cli_put_text(FILE *out, const char *text);

void cli_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void cli_hint(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void cli_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int cli_stdout_flush(void);
bool cli_colour(FILE *out);

/* JSON, written member by member; commas are put where they are due. */
struct cli_json {
	FILE *out;  /* borrowed */
	bool more;  /* a comma is due before the next member */
	int indent; /* blanks a level; 0: all on one line */
	int depth;
};

void cli_json_open(struct cli_json *json, const char *key, char bracket);
void cli_json_close(struct cli_json *json, char bracket);
void cli_json_text(struct cli_json *json, const char *key, const char *value);
void cli_json_number(struct cli_json *json, const char *key, uint64_t value);
/* As few digits as give the number again. */
void cli_json_real(struct cli_json *json, const char *key, double value);
void cli_json_bool(struct cli_json *json, const char *key, bool value);
void cli_json_null(struct cli_json *json, const char *key);
void cli_json_end(struct cli_json *json);

#endif
