/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patches: what apply_patch is given, taken apart, and what it makes of a
 * file.  Pure text; the texts are parts of the patch as it was given.
 */
#ifndef CONTROLLER_TOOLS_PATCH_H
#define CONTROLLER_TOOLS_PATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PATCH_MAX_BYTES (1U << 20)
#define PATCH_MAX_HUNKS 20000
#define PATCH_MAX_LINES 400000 /* of all hunks and new files together */

struct patch_text {
	const char *at; /* NULL: none */
	size_t len;
};

struct patch_line {
	char op;   /* ' ', '-' or '+' */
	bool bare; /* the line had no mark: it is empty */
	struct patch_text text; /* without the end of the line */
};

struct patch_hunk {
	size_t line;     /* of the patch, from 1 */
	struct patch_text context; /* "@@ context" */
	bool numbered;   /* "@@ -a,b +c,d @@" */
	size_t old_first; /* then: a */
	size_t first, n; /* of patch->lines */
	bool at_end;     /* *** End of File */
	bool old_bare, new_bare; /* "\ No newline at end of file" */
};

enum patch_kind {
	PATCH_INVALID = 0,
	PATCH_ADD,
	PATCH_DELETE,
	PATCH_UPDATE,
};

struct patch_op {
	enum patch_kind kind;
	size_t line;     /* of the patch, from 1 */
	struct patch_text path;
	struct patch_text to; /* of a move */
	size_t first, n; /* of patch->hunks; of what is added, of patch->lines */
};

struct patch {
	struct patch_op *ops;     /* owned, all three */
	struct patch_hunk *hunks;
	struct patch_line *lines;
	size_t n_ops, n_hunks, n_lines;
	size_t cap_ops, cap_hunks, cap_lines;
};

/* Why a patch cannot be read. */
struct patch_error {
	size_t line; /* 0: no line of it */
	char text[320];
};

/* patch-parse.c: -1: filled @error; patch_fini() in either case */
int patch_parse(const char *text, size_t len, struct patch *patch,
		struct patch_error *error);
void patch_fini(struct patch *patch);

/* patch-unwrap.c: what is between Begin and End, a here-document taken off */
int patch_unwrap(struct patch_text *text, size_t *line,
		 struct patch_error *error);
/* Without white space at its ends. */
struct patch_text patch_trim(struct patch_text text);
bool patch_is(struct patch_text text, const char *word);
bool patch_begins(struct patch_text text, const char *prefix);
/* Cuts the first line off; false: there is none. A CR before LF is no part. */
bool patch_next_line(struct patch_text *rest, struct patch_text *line);
int patch_fail(struct patch_error *error, size_t line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* For "%.*s": not more of a text than a message should show, whole characters. */
int patch_shown(struct patch_text text);

/* What is wrong between a hunk and a file. */
enum patch_wrong {
	PATCH_FITS = 0,
	PATCH_NO_CONTEXT,   /* its context is nowhere */
	PATCH_NO_MATCH,     /* its lines are nowhere */
	PATCH_AMBIGUOUS,    /* they are at first and at second */
	PATCH_NO_MEMORY,
};

struct patch_problem {
	enum patch_wrong wrong;
	size_t op, hunk;       /* of patch->ops, of the op's hunks; from 0 */
	size_t first, second;  /* lines of the file, from 1 */
};

struct patch_file {
	const char *bytes;
	size_t len; /* less than 4 GiB */
	bool keep_end; /* its last line keeps its end, or has none as before */
};

struct patch_output {
	char *bytes; /* owned */
	size_t len, cap;
	const char *ending; /* of the last line; NULL: there is no line */
	bool broken; /* no memory */
};

/* match.c */
/* A file as lines. */
struct match_file {
	const char *bytes;
	uint32_t *starts; /* owned; n + 1 of them */
	size_t n;
};
struct match_lines {
	const struct patch_text *lines;
	size_t n;
};
int match_init(struct match_file *file, const char *bytes, size_t len);
void match_fini(struct match_file *file);
struct patch_text match_line(const struct match_file *file, size_t index);
/* How that line ends: "\r\n", "\n" or "". */
const char *match_ending(const struct match_file *file, size_t index);

#define MATCH_NONE SIZE_MAX
#define MATCH_QUALITIES 4
/*
 * Where these lines are, from line @from on; MATCH_NONE: nowhere.
 * @quality: 0 exact, 1 but for white space at ends of lines, 2 at their
 * beginnings too, 3 with typographic characters as plain ones.
 */
size_t match_seek(const struct match_file *file, struct match_lines lines,
		  int quality, size_t from);
bool match_at(const struct match_file *file, struct match_lines lines,
	      int quality, size_t at);

/* patch-apply.c */
void patch_append(struct patch_output *out, const void *bytes, size_t len);
/* -1: filled @problem but for its op. @out->bytes is the caller's. */
int patch_apply(const struct patch *patch, const struct patch_op *op,
		const struct patch_file *file, struct patch_output *out,
		struct patch_problem *problem);

#endif
