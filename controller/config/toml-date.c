// SPDX-License-Identifier: Apache-2.0
/*
 * TOML: dates and times, as of RFC 3339.
 */
#include <config.h>

#include "controller/config/toml.h"

struct range {
	const char *what;
	size_t digits;
	int min;
	int max;
};

static bool digits_at(const struct cfg_reader *in, const char *at, size_t count)
{
	if ((size_t)(in->end - at) < count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (at[i] < '0' || at[i] > '9')
			return false;
	return true;
}

static bool byte_at(const struct cfg_reader *in, const char *at, char byte)
{
	return at < in->end && *at == byte;
}

/**
 * toml_is_date() - does a date or a time begin here?
 */
bool toml_is_date(const struct cfg_reader *reader)
{
	return (digits_at(reader, reader->at, 4) &&
		byte_at(reader, reader->at + 4, '-')) ||
	       (digits_at(reader, reader->at, 2) &&
		byte_at(reader, reader->at + 2, ':'));
}

/* A number of so many digits, within its range; -1 with a problem. */
static int field(struct cfg_reader *in, const struct range *range)
{
	const char *start = in->at;
	int value = 0;

	if (!digits_at(in, start, range->digits))
		return cfg_reader_fail(in, start,
				       "expected %zu digits of the %s",
				       range->digits, range->what);
	for (size_t i = 0; i < range->digits; i++)
		value = 10 * value + (*in->at++ - '0');
	if (value < range->min || value > range->max)
		return cfg_reader_fail(
			in, start, "the %s is %d to %d, found %d", range->what,
			range->min, range->max, value);
	return value;
}

static int mark(struct cfg_reader *in, char byte)
{
	char what[] = "'x'";

	what[1] = byte;
	if (!byte_at(in, in->at, byte))
		return cfg_reader_expected(in, what);
	in->at++;
	return 0;
}

static int days_of(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30,
				    31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

static int read_date(struct cfg_reader *in)
{
	static const struct range years = { "year", 4, 0, 9999 };
	static const struct range months = { "month", 2, 1, 12 };
	struct range days = { "day", 2, 1, 31 };
	int year = field(in, &years);
	int month;

	if (year < 0 || mark(in, '-') < 0)
		return -1;
	month = field(in, &months);
	if (month < 0 || mark(in, '-') < 0)
		return -1;
	days.max = days_of(year, month);
	return field(in, &days) < 0 ? -1 : 0;
}

static int read_time(struct cfg_reader *in)
{
	static const struct range hours = { "hour", 2, 0, 23 };
	static const struct range minutes = { "minute", 2, 0, 59 };
	/* 60 where there is a leap second, which only a table could tell. */
	static const struct range seconds = { "second", 2, 0, 60 };

	if (field(in, &hours) < 0 || mark(in, ':') < 0 ||
	    field(in, &minutes) < 0 || mark(in, ':') < 0 ||
	    field(in, &seconds) < 0)
		return -1;
	if (!byte_at(in, in->at, '.'))
		return 0;
	in->at++;
	if (!digits_at(in, in->at, 1))
		return cfg_reader_expected(in, "a digit of the second");
	while (digits_at(in, in->at, 1))
		in->at++;
	return 0;
}

/* 1: there is an offset; 0: none; -1. */
static int read_offset(struct cfg_reader *in)
{
	static const struct range hours = { "offset's hour", 2, 0, 23 };
	static const struct range minutes = { "offset's minute", 2, 0, 59 };

	if (byte_at(in, in->at, 'Z') || byte_at(in, in->at, 'z')) {
		in->at++;
		return 1;
	}
	if (!byte_at(in, in->at, '+') && !byte_at(in, in->at, '-'))
		return 0;
	in->at++;
	if (field(in, &hours) < 0 || mark(in, ':') < 0 ||
	    field(in, &minutes) < 0)
		return -1;
	return 1;
}

static bool time_follows(const struct cfg_reader *in)
{
	if (byte_at(in, in->at, 'T') || byte_at(in, in->at, 't'))
		return true;
	return byte_at(in, in->at, ' ') && digits_at(in, in->at + 1, 1);
}

static enum cfg_datetime read_datetime(struct cfg_reader *in)
{
	int offset;

	if (byte_at(in, in->at + 2, ':'))
		return read_time(in) < 0 ? CFG_DATETIME_NONE : CFG_TIME_LOCAL;
	if (read_date(in) < 0)
		return CFG_DATETIME_NONE;
	if (!time_follows(in))
		return CFG_DATE_LOCAL;
	in->at++;
	if (read_time(in) < 0)
		return CFG_DATETIME_NONE;
	offset = read_offset(in);
	if (offset < 0)
		return CFG_DATETIME_NONE;
	return offset ? CFG_DATETIME_OFFSET : CFG_DATETIME_LOCAL;
}

/**
 * toml_date() - a date, a time, or both, with or without an offset
 *
 * The node's text has T and Z in upper case, whatever the file has.
 *
 * Return: NULL with a problem.
 */
struct cfg_node *toml_date(struct cfg_reader *reader)
{
	const char *start = reader->at;
	struct cfg_node *node = cfg_reader_node(reader, CFG_DATETIME, start);
	char *text;

	if (!node)
		return NULL;
	node->datetime = read_datetime(reader);
	if (node->datetime == CFG_DATETIME_NONE)
		return NULL;
	node->text_len = (size_t)(reader->at - start);
	text = cfg_tree_strndup(reader->tree, start, node->text_len);
	node->text = text;
	if (!text) {
		(void)cfg_reader_fail(reader, start, "out of memory");
		return NULL;
	}
	for (char *at = text; *at; at++)
		if (*at == ' ' || *at == 't')
			*at = 'T';
		else if (*at == 'z')
			*at = 'Z';
	return node;
}
