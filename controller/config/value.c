// SPDX-License-Identifier: Apache-2.0
/*
 * Numbers with units.  No locale, no strtod(3): what is not written as
 * creel.conf(5) says is refused.
 */
#include <config.h>

#include "controller/config/value.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define MAX_BYTES (1ull << 60)
#define MAX_MSEC (366ull * 24 * 3600 * 1000)
#define DECIMALS 9
#define SCALE 1000000000ull /* ten to the power of DECIMALS */

struct unit {
	const char *name;
	uint64_t factor;
};

/**
 * cfg_why_set() - what was expected
 * @why: NULL where nobody asks
 *
 * Return: -1, for the caller to return.
 */
int cfg_why_set(struct cfg_why *why, const char *fmt, ...)
{
	va_list args;

	if (!why)
		return -1;
	va_start(args, fmt);
	(void)vsnprintf(why->text, sizeof(why->text), fmt, args);
	va_end(args);
	return -1;
}

/**
 * cfg_why_found() - which part of a value is wrong
 */
void cfg_why_found(struct cfg_why *why, const char *text, size_t len)
{
	if (why)
		(void)snprintf(why->found, sizeof(why->found), "%.*s",
			       len > 60 ? 60 : (int)len, text);
}

/**
 * cfg_why_nearest() - a hint, where one of the names is near
 */
void cfg_why_nearest(struct cfg_why *why, const char *name,
		     const char *const *names, size_t count)
{
	const char *nearest = cfg_nearest(name, names, count);

	if (why && nearest)
		(void)snprintf(why->hint, sizeof(why->hint),
			       "did you mean \"%s\"?", nearest);
}

/**
 * cfg_is_text() - is it a string without a NUL in it?
 */
bool cfg_is_text(const struct cfg_node *node)
{
	return node->type == CFG_STRING &&
	       strlen(node->text) == node->text_len;
}

/**
 * cfg_take_digits() - a decimal number
 * @text: left behind its digits
 *
 * Return: false for no digit, or more than @max.
 */
bool cfg_take_digits(const char **text, uint64_t max, uint64_t *value)
{
	const char *at = *text;

	*value = 0;
	for (; *at >= '0' && *at <= '9'; at++) {
		unsigned int digit = (unsigned int)(*at - '0');

		if (*value > (max - digit) / 10)
			return false;
		*value = *value * 10 + digit;
	}
	if (at == *text)
		return false;
	*text = at;
	return true;
}

/* Digits after a point, as so many parts of SCALE; false: there are none. */
static bool take_part(const char **text, uint64_t *part)
{
	const char *at = *text;

	*part = 0;
	for (uint64_t worth = SCALE / 10; *at >= '0' && *at <= '9'; at++) {
		*part += worth * (uint64_t)(*at - '0');
		worth /= 10;
	}
	if (at == *text)
		return false;
	*text = at;
	return true;
}

static const struct unit *find_unit(const struct unit *units, const char *name)
{
	for (; units->name; units++)
		if (strcasecmp(units->name, name) == 0)
			return units;
	return NULL;
}

/* 1.5g, 512m, 64 kB: a number, perhaps a space, a unit. */
static int read_scaled(const char *text, const struct unit *units,
		       uint64_t max, uint64_t *value)
{
	const struct unit *unit;
	uint64_t whole = 0;
	uint64_t part = 0;

	text += strspn(text, " ");
	if (!cfg_take_digits(&text, max, &whole))
		return -1;
	if (*text == '.') {
		text++;
		if (!take_part(&text, &part))
			return -1;
	}
	text += strspn(text, " ");
	unit = find_unit(units, text);
	if (!unit || whole > max / unit->factor)
		return -1;
	/* At most 2^50 for a unit: the part is cut before it can overflow. */
	part = (uint64_t)((double)part / SCALE * (double)unit->factor);
	if (whole * unit->factor > max - part)
		return -1;
	*value = whole * unit->factor + part;
	return 0;
}

/**
 * cfg_read_size() - 512m, 1.5g, 64kb, 4096: units are powers of 1024
 */
int cfg_read_size(const char *text, uint64_t *bytes)
{
	static const struct unit units[] = {
		{ "", 1 },
		{ "b", 1 },
		{ "k", 1ull << 10 },
		{ "kb", 1ull << 10 },
		{ "kib", 1ull << 10 },
		{ "m", 1ull << 20 },
		{ "mb", 1ull << 20 },
		{ "mib", 1ull << 20 },
		{ "g", 1ull << 30 },
		{ "gb", 1ull << 30 },
		{ "gib", 1ull << 30 },
		{ "t", 1ull << 40 },
		{ "tb", 1ull << 40 },
		{ "tib", 1ull << 40 },
		{ NULL, 0 },
	};

	return read_scaled(text, units, MAX_BYTES, bytes);
}

/**
 * cfg_read_bytes() - 64KB is 64000, 2MiB is 2097152
 */
int cfg_read_bytes(const char *text, uint64_t *bytes)
{
	static const struct unit units[] = {
		{ "", 1 },
		{ "b", 1 },
		{ "k", 1000 },
		{ "kb", 1000 },
		{ "kib", 1ull << 10 },
		{ "m", 1000 * 1000 },
		{ "mb", 1000 * 1000 },
		{ "mib", 1ull << 20 },
		{ "g", 1000 * 1000 * 1000 },
		{ "gb", 1000 * 1000 * 1000 },
		{ "gib", 1ull << 30 },
		{ NULL, 0 },
	};

	return read_scaled(text, units, MAX_BYTES, bytes);
}

/* A number that counts something whole. */
static int whole_number(const struct cfg_node *node, uint64_t *value)
{
	if (node->type == CFG_INTEGER && node->integer >= 0) {
		*value = (uint64_t)node->integer;
		return *value <= MAX_BYTES ? 0 : -1;
	}
	if (node->type != CFG_FLOAT || !(node->real >= 0) ||
	    node->real > (double)MAX_BYTES || floor(node->real) != node->real)
		return -1;
	*value = (uint64_t)node->real;
	return 0;
}

/**
 * cfg_value_size() - bytes of a size such as 512m
 */
int cfg_value_size(const struct cfg_node *node, uint64_t *bytes)
{
	if (node->type == CFG_STRING)
		return cfg_is_text(node) ? cfg_read_size(node->text, bytes) :
					   -1;
	return whole_number(node, bytes);
}

/**
 * cfg_value_swap() - as a size; -1 is UINT64_MAX: unlimited
 */
int cfg_value_swap(const struct cfg_node *node, uint64_t *bytes)
{
	if ((node->type == CFG_INTEGER && node->integer == -1) ||
	    (node->type == CFG_STRING && strcmp(node->text, "-1") == 0)) {
		*bytes = UINT64_MAX;
		return 0;
	}
	return cfg_value_size(node, bytes);
}

/**
 * cfg_value_bytes() - bytes of a size such as 64KB
 */
int cfg_value_bytes(const struct cfg_node *node, uint64_t *bytes)
{
	if (node->type == CFG_STRING)
		return cfg_is_text(node) ? cfg_read_bytes(node->text, bytes) :
					   -1;
	return whole_number(node, bytes);
}

/**
 * cfg_value_duration() - 30 and 30s, 500ms, 5m, 2h as milliseconds
 */
int cfg_value_duration(const struct cfg_node *node, uint64_t *msec)
{
	static const struct unit units[] = {
		{ "", 1000 },  { "ms", 1 },	    { "s", 1000 },
		{ "m", 60000 }, { "h", 3600 * 1000 }, { NULL, 0 },
	};

	if (node->type == CFG_STRING)
		return cfg_is_text(node) ? read_scaled(node->text, units,
						       MAX_MSEC, msec) :
					   -1;
	if (whole_number(node, msec) < 0 || *msec > MAX_MSEC / 1000)
		return -1;
	*msec *= 1000;
	return 0;
}

/**
 * cfg_value_cpus() - processors as microseconds in each 100,000
 */
int cfg_value_cpus(const struct cfg_node *node, uint64_t *usec)
{
	double cpus;

	if (node->type == CFG_INTEGER)
		cpus = (double)node->integer;
	else if (node->type == CFG_FLOAT)
		cpus = node->real;
	else
		return -1;
	if (!(cpus >= 0.01 && cpus <= 4096))
		return -1;
	*usec = (uint64_t)(cpus * 100000 + 0.5);
	return 0;
}

/**
 * cfg_value_text() - a scalar as a text, for environment variables
 *
 * Return: in the tree; NULL for what is no scalar, or without memory.
 */
const char *cfg_value_text(struct cfg_tree *tree, const struct cfg_node *node)
{
	char text[64];
	int len = -1;

	if (node->type == CFG_STRING || node->type == CFG_DATETIME)
		return node->text;
	if (node->type == CFG_BOOL)
		return node->boolean ? "true" : "false";
	if (node->type == CFG_INTEGER)
		len = snprintf(text, sizeof(text), "%lld",
			       (long long)node->integer);
	if (node->type == CFG_FLOAT)
		len = snprintf(text, sizeof(text), "%.17g", node->real);
	return len > 0 ? cfg_tree_strndup(tree, text, (size_t)len) : NULL;
}
