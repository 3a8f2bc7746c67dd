// SPDX-License-Identifier: Apache-2.0
/*
 * JSON5: numbers.
 */
#include <config.h>

#include "controller/config/json5.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* From here on not every integer is a double. */
#define EXACT 9007199254740992.0

struct number {
	const char *digits; /* after the sign */
	bool negative;
	bool hex;
	bool plain; /* digits alone: no dot, no exponent */
};

static bool is_digit(const struct cfg_reader *in)
{
	return in->at < in->end && *in->at >= '0' && *in->at <= '9';
}

static bool take(struct cfg_reader *in, const char *any_of)
{
	if (in->at == in->end || *in->at == '\0' || !strchr(any_of, *in->at))
		return false;
	in->at++;
	return true;
}

static size_t take_digits(struct cfg_reader *in)
{
	const char *start = in->at;

	while (is_digit(in))
		in->at++;
	return (size_t)(in->at - start);
}

static int scan_hex(struct cfg_reader *in)
{
	uint32_t digit;
	size_t count = 0;

	for (; cfg_reader_hex(in, in->at, 1, &digit); count++)
		in->at++;
	return count > 0 ? 0 : cfg_reader_expected(in, "a hexadecimal digit");
}

static int scan_decimal(struct cfg_reader *in, struct number *number)
{
	const char *start = in->at;
	size_t digits = take_digits(in);

	if (digits > 1 && *start == '0')
		return cfg_reader_fail(in, start,
				       "a number that begins with 0: JSON5 has "
				       "no octal numbers");
	number->plain = true;
	if (take(in, ".")) {
		digits += take_digits(in);
		number->plain = false;
	}
	if (digits == 0)
		return cfg_reader_expected(in, "a digit");
	if (take(in, "eE")) {
		(void)take(in, "+-");
		number->plain = false;
		if (take_digits(in) == 0)
			return cfg_reader_expected(in,
						   "a digit of the exponent");
	}
	return 0;
}

/* Digits alone, as an int64_t; false: it does not fit. */
static bool to_integer(const struct number *number, const char *end,
		       int64_t *value)
{
	const char *at = number->digits + (number->hex ? 2 : 0);
	int64_t got = 0;

	for (; at < end; at++) {
		int base = number->hex ? 16 : 10;
		int digit = *at <= '9' ? *at - '0' : (*at | 0x20) - 'a' + 10;

		if (__builtin_mul_overflow(got, base, &got) ||
		    __builtin_sub_overflow(got, digit, &got))
			return false;
	}
	/* It is counted downwards, where there is one more. */
	if (!number->negative && got == INT64_MIN)
		return false;
	*value = number->negative ? got : -got;
	return true;
}

/* The C locale's strtod(), since nothing of creel's sets another. */
static int to_real(struct cfg_reader *in, const struct number *number,
		   struct cfg_node *node)
{
	size_t len = (size_t)(in->at - number->digits);
	char *copy = cfg_reader_alloc(in, len + 1);
	double real;

	if (!copy)
		return -1;
	memcpy(copy, number->digits, len);
	real = strtod(copy, NULL);
	if (number->negative)
		real = -real;
	if (real >= -EXACT && real <= EXACT && (double)(int64_t)real == real) {
		node->integer = (int64_t)real;
		return 0;
	}
	node->type = CFG_FLOAT;
	node->real = real;
	return 0;
}

static bool take_word(struct cfg_reader *in, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(in->end - in->at) < len || memcmp(in->at, word, len) != 0)
		return false;
	in->at += len;
	return true;
}

/* Infinity and NaN. */
static bool scan_special(struct cfg_reader *in, struct cfg_node *node)
{
	if (take_word(in, "Infinity"))
		node->real = HUGE_VAL;
	else if (take_word(in, "NaN"))
		node->real = NAN;
	else
		return false;
	node->type = CFG_FLOAT;
	return true;
}

static int read_number(struct cfg_reader *in, struct cfg_node *node)
{
	struct number number = { .negative = *in->at == '-' };

	(void)take(in, "+-");
	if (scan_special(in, node)) {
		if (number.negative)
			node->real = -node->real;
		return 0;
	}
	number.digits = in->at;
	if (in->end - in->at >= 2 && in->at[0] == '0' &&
	    (in->at[1] | 0x20) == 'x') {
		number.hex = true;
		number.plain = true;
		in->at += 2;
		if (scan_hex(in) < 0)
			return -1;
	} else if (scan_decimal(in, &number) < 0) {
		return -1;
	}
	if (number.plain && to_integer(&number, in->at, &node->integer))
		return 0;
	return to_real(in, &number, node);
}

/**
 * json5_number() - a number, with Infinity and NaN
 *
 * Return: NULL with a problem.
 */
struct cfg_node *json5_number(struct cfg_reader *reader)
{
	struct cfg_node *node =
		cfg_reader_node(reader, CFG_INTEGER, reader->at);

	if (!node || read_number(reader, node) < 0)
		return NULL;
	if (json5_name_goes_on(reader, reader->at)) {
		(void)cfg_reader_expected(reader, "the end of the number");
		return NULL;
	}
	return node;
}
