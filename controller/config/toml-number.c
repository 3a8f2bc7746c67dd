// SPDX-License-Identifier: Apache-2.0
/*
 * TOML: integers and floats.
 */
#include <config.h>

#include "controller/config/toml.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool take(struct cfg_reader *in, const char *any_of)
{
	if (in->at == in->end || *in->at == '\0' || !strchr(any_of, *in->at))
		return false;
	in->at++;
	return true;
}

static bool is_digit(const struct cfg_reader *in, uint32_t base)
{
	uint32_t digit;

	return cfg_reader_hex(in, in->at, 1, &digit) && digit < base;
}

/* Digits, between any two of which may be an underscore. */
static int scan_digits(struct cfg_reader *in, uint32_t base)
{
	do {
		if (!is_digit(in, base))
			return cfg_reader_expected(
				in, base == 10 ? "a digit" :
				    base == 16 ? "a hexadecimal digit" :
				    base == 8  ? "an octal digit" :
						 "a binary digit");
		while (is_digit(in, base))
			in->at++;
	} while (take(in, "_"));
	return 0;
}

static int to_integer(struct cfg_reader *in, const char *start, uint32_t base,
		      struct cfg_node *node)
{
	bool negative = *start == '-';
	const char *at = start;
	int64_t got = 0;
	uint32_t digit;

	if (*at == '-' || *at == '+')
		at++;
	if (base != 10)
		at += 2;
	for (; at < in->at; at++) {
		if (!cfg_reader_hex(in, at, 1, &digit))
			continue;
		/* Counted downwards, where there is one more. */
		if (__builtin_mul_overflow(got, (int64_t)base, &got) ||
		    __builtin_sub_overflow(got, (int64_t)digit, &got))
			return cfg_reader_fail(in, start,
					       "the integer does not fit in "
					       "64 bits");
	}
	if (!negative && got == INT64_MIN)
		return cfg_reader_fail(in, start,
				       "the integer does not fit in 64 bits");
	node->integer = negative ? got : -got;
	return 0;
}

/* The C locale's strtod(), since nothing of creel's sets another. */
static int to_real(struct cfg_reader *in, const char *start,
		   struct cfg_node *node)
{
	char *copy = cfg_reader_alloc(in, (size_t)(in->at - start) + 1);
	char *out = copy;

	if (!copy)
		return -1;
	for (const char *at = start; at < in->at; at++)
		if (*at != '_')
			*out++ = *at;
	node->type = CFG_FLOAT;
	node->real = strtod(copy, NULL);
	return 0;
}

static uint32_t take_base(struct cfg_reader *in)
{
	char letter =
		in->end - in->at >= 2 && in->at[0] == '0' ? in->at[1] : '\0';

	if (letter != 'x' && letter != 'o' && letter != 'b')
		return 10;
	in->at += 2;
	return letter == 'x' ? 16 : letter == 'o' ? 8 : 2;
}

static int scan_decimal(struct cfg_reader *in, bool *real)
{
	const char *start = in->at;

	if (scan_digits(in, 10) < 0)
		return -1;
	if (*start == '0' && in->at - start > 1)
		return cfg_reader_fail(in, start,
				       "a number that begins with 0");
	if (take(in, ".")) {
		*real = true;
		if (scan_digits(in, 10) < 0)
			return -1;
	}
	if (take(in, "eE")) {
		*real = true;
		(void)take(in, "+-");
		return scan_digits(in, 10);
	}
	return 0;
}

static bool scan_special(struct cfg_reader *in, struct cfg_node *node)
{
	if (in->end - in->at < 3)
		return false;
	if (memcmp(in->at, "inf", 3) == 0)
		node->real = HUGE_VAL;
	else if (memcmp(in->at, "nan", 3) == 0)
		node->real = NAN;
	else
		return false;
	in->at += 3;
	node->type = CFG_FLOAT;
	return true;
}

static int read_number(struct cfg_reader *in, struct cfg_node *node)
{
	const char *start = in->at;
	bool sign = take(in, "+-");
	bool real = false;
	uint32_t base;

	if (scan_special(in, node)) {
		if (*start == '-')
			node->real = -node->real;
		return 0;
	}
	base = sign ? 10 : take_base(in);
	if (base != 10) {
		if (scan_digits(in, base) < 0)
			return -1;
	} else if (scan_decimal(in, &real) < 0) {
		return -1;
	}
	return real ? to_real(in, start, node) :
		      to_integer(in, start, base, node);
}

/**
 * toml_number() - an integer or float, with inf and nan
 *
 * Return: NULL with a problem.
 */
struct cfg_node *toml_number(struct cfg_reader *reader)
{
	struct cfg_node *node =
		cfg_reader_node(reader, CFG_INTEGER, reader->at);

	if (!node || read_number(reader, node) < 0)
		return NULL;
	return node;
}
