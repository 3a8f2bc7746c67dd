// SPDX-License-Identifier: Apache-2.0
/*
 * Walks over JSON text.  Nothing here recurses, allocates or trusts the text
 * to be whole.
 */
#include <config.h>

#include "controller/mcp/scan.h"

#include <string.h>

#include <jansson.h>

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static void skip_spaces(struct mcp_slice *rest)
{
	while (rest->len > 0 && is_space(rest->at[0])) {
		rest->at++;
		rest->len--;
	}
}

/* Past a string's end, or to the end of the text. @at: its first quote */
static size_t string_end(struct mcp_slice text, size_t at)
{
	for (at++; at < text.len; at++) {
		if (text.at[at] == '\\')
			at++;
		else if (text.at[at] == '"')
			return at + 1;
	}
	return text.len;
}

/* Past whatever value is at the front. */
static size_t value_end(struct mcp_slice text)
{
	size_t depth = 0;
	size_t at = 0;

	while (at < text.len) {
		char c = text.at[at];

		if (c == '"') {
			at = string_end(text, at);
			continue;
		}
		if (c == '{' || c == '[')
			depth++;
		if (depth == 0 && (c == ',' || c == '}' || c == ']'))
			return at;
		if (c == '}' || c == ']')
			depth--;
		at++;
	}
	return at;
}

static struct mcp_slice take(struct mcp_slice *rest, size_t len)
{
	struct mcp_slice taken = { rest->at, len };

	rest->at += len;
	rest->len -= len;
	return taken;
}

/* @key: with its quotes; it may be written with escapes */
static bool is_named(struct mcp_slice key, const char *name)
{
	size_t len = strlen(name);
	json_t *text;
	bool same;

	if (!memchr(key.at, '\\', key.len))
		return key.len == len + 2 && !memcmp(key.at + 1, name, len);
	if (key.len > 6 * len + 2)
		return false;
	text = json_loadb(key.at, key.len, JSON_DECODE_ANY, NULL);
	same = json_is_string(text) && !strcmp(json_string_value(text), name);
	json_decref(text);
	return same;
}

/**
 * mcp_scan_member() - find a member of an object
 * @object: its text
 *
 * Return: the member's text, without space around it; at: NULL where there is
 * none.
 */
struct mcp_slice mcp_scan_member(struct mcp_slice object, const char *name)
{
	static const struct mcp_slice none = { NULL, 0 };
	struct mcp_slice rest = object;
	struct mcp_slice key;
	struct mcp_slice value;

	skip_spaces(&rest);
	if (rest.len == 0 || rest.at[0] != '{')
		return none;
	do {
		(void)take(&rest, 1);
		skip_spaces(&rest);
		if (rest.len == 0 || rest.at[0] != '"')
			return none;
		key = take(&rest, string_end(rest, 0));
		skip_spaces(&rest);
		if (rest.len == 0 || rest.at[0] != ':')
			return none;
		(void)take(&rest, 1);
		skip_spaces(&rest);
		value = take(&rest, value_end(rest));
		if (is_named(key, name)) {
			while (value.len > 0 &&
			       is_space(value.at[value.len - 1]))
				value.len--;
			return value.len > 0 ? value : none;
		}
	} while (rest.len > 0 && rest.at[0] == ',');
	return none;
}

static size_t skip_digits(struct mcp_slice text, size_t at)
{
	while (at < text.len && is_digit(text.at[at]))
		at++;
	return at;
}

static bool is_at(struct mcp_slice text, size_t at, const char *any)
{
	return at < text.len && text.at[at] != '\0' &&
	       strchr(any, text.at[at]) != NULL;
}

/**
 * mcp_scan_is_number() - whether it is one of JSON's numbers, of any size
 */
bool mcp_scan_is_number(struct mcp_slice text)
{
	size_t at = is_at(text, 0, "-") ? 1 : 0;
	size_t start = at;

	at = skip_digits(text, at);
	if (at == start || (text.at[start] == '0' && at > start + 1))
		return false;
	if (is_at(text, at, ".")) {
		start = ++at;
		at = skip_digits(text, at);
		if (at == start)
			return false;
	}
	if (is_at(text, at, "eE")) {
		at++;
		at += is_at(text, at, "+-") ? 1 : 0;
		start = at;
		at = skip_digits(text, at);
		if (at == start)
			return false;
	}
	return at == text.len;
}

/**
 * mcp_scan_size() - what a parser would have to make of the text
 *
 * Return: never less than there is.
 */
struct mcp_size mcp_scan_size(struct mcp_slice text)
{
	struct mcp_size size = { 0, 1 };
	size_t depth = 0;
	size_t at = 0;

	while (at < text.len) {
		char c = text.at[at];

		if (c == '"') {
			at = string_end(text, at);
			continue;
		}
		if (c == '{' || c == '[') {
			depth++;
			size.values++;
		} else if ((c == '}' || c == ']') && depth > 0) {
			depth--;
		} else if (c == ',') {
			size.values++;
		}
		if (depth > size.depth)
			size.depth = depth;
		at++;
	}
	return size;
}
