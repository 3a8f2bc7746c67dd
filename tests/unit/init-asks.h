/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files asked of creel-init in a box, beneath /workspace as a command sees it.
 */
#ifndef TESTS_UNIT_INIT_ASKS_H
#define TESTS_UNIT_INIT_ASKS_H

#include <stddef.h>
#include <stdint.h>

#include "tests/unit/init-box.h"

struct ask_read {
	const char *path;
	const char *below; /* NULL: /workspace */
	uint64_t skip_lines;
	uint64_t max_lines;
	uint64_t max_bytes;
	bool tail;
};

/* What came; data is copied, and is the caller's until the next. */
struct ask_got {
	Ini__Answer msg;
	const char *data;
	size_t len;
	bool memfd;
	double seconds;
};

struct ask_change {
	Ini__ChangeKind kind;
	const char *path;
	Ini__Expect expect;
	const char *text;
	uint32_t mode;
	bool parents;
	const Ini__Answer *same; /* of expect same */
};

uint32_t ask_send_read(struct box *box, const struct ask_read *what);
struct ask_got ask_answer(struct box *box, uint32_t seq);
struct ask_got ask_read(struct box *box, const struct ask_read *what);
Ini__Answer ask_stat(struct box *box, const char *path);
uint32_t ask_send_commit(struct box *box, const struct ask_change *changes,
			 size_t n);
Ini__Answer ask_commit(struct box *box, const struct ask_change *changes,
		       size_t n);

#endif
