// SPDX-License-Identifier: Apache-2.0
/*
 * Moments.  What is given without an offset is local time, as clocks on walls
 * are.
 */
#include <config.h>

#include "controller/cli/when.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "controller/cli/parse.h"

#define DAY_SEC 86400
#define SECONDS_MAX 253402300799ULL /* the end of the year 9999 */

static bool digits(const char **text, size_t count, int *value)
{
	*value = 0;
	for (size_t i = 0; i < count; i++) {
		char digit = **text;

		if (digit < '0' || digit > '9')
			return false;
		*value = *value * 10 + (digit - '0');
		++*text;
	}
	return true;
}

static bool mark(const char **text, char byte)
{
	if (**text != byte)
		return false;
	++*text;
	return true;
}

static bool read_date(const char **text, struct tm *tm)
{
	int year, month;

	if (!digits(text, 4, &year) || !mark(text, '-') ||
	    !digits(text, 2, &month) || !mark(text, '-') ||
	    !digits(text, 2, &tm->tm_mday))
		return false;
	tm->tm_year = year - 1900;
	tm->tm_mon = month - 1;
	return year >= 1970;
}

static bool read_time(const char **text, struct tm *tm)
{
	if (!digits(text, 2, &tm->tm_hour) || !mark(text, ':') ||
	    !digits(text, 2, &tm->tm_min))
		return false;
	if (mark(text, ':') && !digits(text, 2, &tm->tm_sec))
		return false;
	return tm->tm_hour < 24 && tm->tm_min < 60 && tm->tm_sec < 60;
}

/* Z or +HH:MM: seconds to subtract. */
static bool read_offset(const char **text, long *offset)
{
	int sign = **text == '-' ? -1 : 1;
	int hours, minutes;

	*offset = 0;
	if (mark(text, 'Z') || mark(text, 'z'))
		return true;
	++*text;
	if (!digits(text, 2, &hours) || !mark(text, ':') ||
	    !digits(text, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*offset = sign * (hours * 3600L + minutes * 60L);
	return true;
}

/* Such a day exists: counting it gives it back. */
static bool is_day(const struct tm *tm)
{
	struct tm same = *tm;

	return timegm(&same) != -1 && same.tm_mday == tm->tm_mday &&
	       same.tm_mon == tm->tm_mon;
}

static bool read_moment(const char *text, uint64_t *msec)
{
	struct tm tm = { .tm_isdst = -1 };
	time_t seconds;
	long offset = 0;
	bool utc = false;

	if (!read_date(&text, &tm))
		return false;
	if (*text && !mark(&text, 'T') && !mark(&text, ' '))
		return false;
	if (text[-1] == 'T' || text[-1] == ' ') {
		if (!read_time(&text, &tm))
			return false;
		utc = *text != '\0';
		if (utc && !strchr("Zz+-", *text))
			return false;
		if (utc && !read_offset(&text, &offset))
			return false;
	}
	if (*text || !is_day(&tm))
		return false;
	seconds = utc ? timegm(&tm) - offset : mktime(&tm);
	if (seconds < 0)
		return false;
	*msec = (uint64_t)seconds * 1000;
	return true;
}

/* 3d: parse.c's times end with hours. */
static bool read_days(const char *text, uint64_t *msec)
{
	size_t len = strspn(text, "0123456789");
	uint64_t days = 0;

	if (len == 0 || len > 5 || strcmp(text + len, "d") != 0)
		return false;
	for (size_t i = 0; i < len; i++)
		days = 10 * days + (uint64_t)(text[i] - '0');
	*msec = days * DAY_SEC * 1000;
	return true;
}

/**
 * cli_parse_when() - 10m, 2h, 3d (ago), 2026-11-23, 2026-11-23 06:50,
 * 2026-11-23T06:50:12+01:00, @1795000000
 * @now_ms: from which the first kind counts
 * @msec:   since the epoch
 */
int cli_parse_when(const char *text, uint64_t now_ms, uint64_t *msec,
		   struct err *err)
{
	struct err ignored = ERR_INIT;
	uint64_t ago = 0;

	if (text[0] == '@') {
		if (cli_parse_number(text + 1, SECONDS_MAX, msec, &ignored))
			return err_set(err, ERR_BAD_REQUEST, 0,
				       "not @ and seconds since 1970");
		*msec *= 1000;
		return 0;
	}
	if (read_days(text, &ago) ||
	    !cli_parse_duration(text, &ago, &ignored)) {
		*msec = ago < now_ms ? now_ms - ago : 0;
		return 0;
	}
	if (read_moment(text, msec))
		return 0;
	return err_set(err, ERR_BAD_REQUEST, 0,
		       "not a moment such as 10m or 3d (ago), 2026-11-23, "
		       "\"2026-11-23 06:50\" or 2026-11-23T06:50:12Z");
}

/**
 * cli_now_ms() - the time of day
 */
uint64_t cli_now_ms(void)
{
	struct timespec now = { 0 };

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/**
 * cli_when_local() - a moment for people
 *
 * Return: @text.
 */
const char *cli_when_local(uint64_t msec, char *text, size_t size)
{
	time_t seconds = (time_t)(msec / 1000);
	struct tm tm;

	if (!localtime_r(&seconds, &tm) ||
	    !strftime(text, size, "%Y-%m-%d %H:%M:%S", &tm))
		(void)snprintf(text, size, "@%" PRIu64, msec / 1000);
	return text;
}

/**
 * cli_when_utc() - a moment as of RFC 3339
 *
 * Return: @text.
 */
const char *cli_when_utc(uint64_t msec, char *text, size_t size)
{
	time_t seconds = (time_t)(msec / 1000);
	char whole[40] = "";
	struct tm tm;

	if (gmtime_r(&seconds, &tm))
		(void)strftime(whole, sizeof(whole), "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(text, size, "%s.%03uZ", whole,
		       (unsigned int)(msec % 1000));
	return text;
}
