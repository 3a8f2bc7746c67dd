// SPDX-License-Identifier: Apache-2.0
/*
 * The known name that a misspelt one is nearest to.
 */
#include <config.h>

#include "controller/config/schema.h"

#include <string.h>

#define MAX_NAME 64

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static size_t min3(size_t a, size_t b, size_t c)
{
	if (b < a)
		a = b;
	return c < a ? c : a;
}

/*
 * How many letters must be added, dropped, changed or swapped with their
 * neighbour; that they are large or small does not count.
 */
static size_t distance(const char *a, size_t a_len, const char *b,
		       size_t b_len)
{
	size_t rows[3][MAX_NAME + 1];
	size_t *before = rows[0];
	size_t *last = rows[1];
	size_t *row = rows[2];

	for (size_t j = 0; j <= b_len; j++)
		last[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t *spare = before;

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			bool same = lower(a[i - 1]) == lower(b[j - 1]);

			row[j] = min3(last[j] + 1, row[j - 1] + 1,
				      last[j - 1] + !same);
			if (i > 1 && j > 1 && before[j - 2] + 1 < row[j] &&
			    lower(a[i - 1]) == lower(b[j - 2]) &&
			    lower(a[i - 2]) == lower(b[j - 1]))
				row[j] = before[j - 2] + 1;
		}
		before = last;
		last = row;
		row = spare;
	}
	return last[b_len];
}

/**
 * cfg_nearest() - the nearest of some names
 * @name: as it was written
 *
 * A third of the letters of the longer name may be wrong.
 *
 * Return: one of @names, or NULL where none is near.
 */
const char *cfg_nearest(const char *name, const char *const *names,
			size_t count)
{
	size_t len = strnlen(name, MAX_NAME + 1);
	const char *nearest = NULL;
	size_t least = MAX_NAME;

	if (len == 0 || len > MAX_NAME)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		size_t other = strnlen(names[i], MAX_NAME + 1);
		size_t most = (len > other ? len : other) / 3;
		size_t found;

		if (other > MAX_NAME || other > len + most ||
		    len > other + most)
			continue;
		found = distance(name, len, names[i], other);
		if (found <= most && found < least) {
			least = found;
			nearest = names[i];
		}
	}
	return nearest;
}
