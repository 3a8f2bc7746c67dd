// SPDX-License-Identifier: Apache-2.0
/*
 * Names of keys, as tmux(1) has them, and the bytes that xterm sends for them.
 */
#include <config.h>

#include "controller/tools/keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ESC "\x1b"
#define PASTE_BEGIN ESC "[200~"
#define PASTE_END ESC "[201~"
#define SHOWN_BYTES 40

enum { SHIFT = 1, META = 2, CONTROL = 4 };

/* A letter after CSI or SS3, or a number before ~; else the bytes themselves. */
static const struct named {
	const char *name;
	const char *bytes;
	char letter;
	int number;
} named[] = {
	{ "Enter", "\r", 0, 0 },     { "Return", "\r", 0, 0 },
	{ "Tab", "\t", 0, 0 },	     { "Escape", ESC, 0, 0 },
	{ "Esc", ESC, 0, 0 },	     { "Space", " ", 0, 0 },
	{ "BSpace", "\x7f", 0, 0 },  { "Backspace", "\x7f", 0, 0 },
	{ "BTab", ESC "[Z", 0, 0 },  { "Up", NULL, 'A', 0 },
	{ "Down", NULL, 'B', 0 },    { "Right", NULL, 'C', 0 },
	{ "Left", NULL, 'D', 0 },    { "Home", NULL, 'H', 0 },
	{ "End", NULL, 'F', 0 },     { "Insert", NULL, 0, 2 },
	{ "IC", NULL, 0, 2 },	     { "Delete", NULL, 0, 3 },
	{ "Del", NULL, 0, 3 },	     { "DC", NULL, 0, 3 },
	{ "PageUp", NULL, 0, 5 },    { "PgUp", NULL, 0, 5 },
	{ "PPage", NULL, 0, 5 },     { "PageDown", NULL, 0, 6 },
	{ "PgDn", NULL, 0, 6 },	     { "PgDown", NULL, 0, 6 },
	{ "NPage", NULL, 0, 6 },     { "F1", NULL, 'P', 1 },
	{ "F2", NULL, 'Q', 1 },	     { "F3", NULL, 'R', 1 },
	{ "F4", NULL, 'S', 1 },	     { "F5", NULL, 0, 15 },
	{ "F6", NULL, 0, 17 },	     { "F7", NULL, 0, 18 },
	{ "F8", NULL, 0, 19 },	     { "F9", NULL, 0, 20 },
	{ "F10", NULL, 0, 21 },	     { "F11", NULL, 0, 23 },
	{ "F12", NULL, 0, 24 },
};

/**
 * keys_fini() - release
 */
void keys_fini(struct keys *keys)
{
	free(keys->bytes);
	*keys = (struct keys){ .bytes = NULL };
}

/**
 * keys_add() - bytes as they are
 */
int keys_add(struct keys *keys, const char *bytes, size_t len, struct err *err)
{
	size_t size = keys->size ? keys->size : 256;
	char *grown;

	if (len > KEYS_MAX_BYTES - keys->len)
		return err_set(err, ERR_LIMIT, 0,
			       "more than %u bytes at once", KEYS_MAX_BYTES);
	while (size < keys->len + len)
		size *= 2;
	if (size != keys->size) {
		grown = realloc(keys->bytes, size);
		if (!grown)
			return err_set(err, ERR_KERNEL, ENOMEM, "keys");
		keys->bytes = grown;
		keys->size = size;
	}
	if (len > 0)
		memcpy(keys->bytes + keys->len, bytes, len);
	keys->len += len;
	return 0;
}

static int add_text(struct keys *keys, const char *text, struct err *err)
{
	return keys_add(keys, text, strlen(text), err);
}

static const struct named *find_name(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++)
		if (strlen(named[i].name) == len &&
		    strncasecmp(named[i].name, name, len) == 0)
			return &named[i];
	return NULL;
}

/* C-, M-, S- before a key, in any order. */
static unsigned int take_modifiers(const char **name, size_t *len)
{
	unsigned int modifiers = 0;

	while (*len > 2 && (*name)[1] == '-') {
		unsigned int one = 0;

		if (**name == 'C' || **name == 'c')
			one = CONTROL;
		else if (**name == 'M' || **name == 'm')
			one = META;
		else if (**name == 'S' || **name == 's')
			one = SHIFT;
		if (!one)
			break;
		modifiers |= one;
		*name += 2;
		*len -= 2;
	}
	return modifiers;
}

/* 1 + the sum of shift 1, meta 2, control 4, as xterm counts them. */
static int add_sequence(struct keys *keys, const struct named *key,
			unsigned int modifiers, struct err *err)
{
	char text[24];

	if (key->letter && modifiers)
		(void)snprintf(text, sizeof(text), ESC "[1;%u%c", modifiers + 1,
			       key->letter);
	else if (key->letter)
		(void)snprintf(text, sizeof(text), ESC "%c%c",
			       key->number ? 'O' : '[', key->letter);
	else if (modifiers)
		(void)snprintf(text, sizeof(text), ESC "[%d;%u~", key->number,
			       modifiers + 1);
	else
		(void)snprintf(text, sizeof(text), ESC "[%d~", key->number);
	return add_text(keys, text, err);
}

static int add_named(struct keys *keys, const struct named *key,
		     unsigned int modifiers, bool newline, struct err *err)
{
	const char *bytes = key->bytes;

	if (!bytes)
		return add_sequence(keys, key, modifiers, err);
	if (*bytes == '\t' && (modifiers & SHIFT))
		bytes = ESC "[Z";
	if ((modifiers & META) && add_text(keys, ESC, err) < 0)
		return -1;
	if (*bytes == ' ' && (modifiers & CONTROL))
		return keys_add(keys, "", 1, err);
	if (*bytes == '\r' && newline)
		bytes = "\n";
	return add_text(keys, bytes, err);
}

/* Control and a character: -1 where there is no such key. */
static int control(char c)
{
	if (c >= 'a' && c <= 'z')
		c = (char)(c - 'a' + 'A');
	if (c >= '@' && c <= '_')
		return c & 0x1f;
	return c == '?' ? 0x7f : -1;
}

static int add_char(struct keys *keys, char c, unsigned int modifiers,
		    struct err *err)
{
	int code = (unsigned char)c;

	if ((modifiers & SHIFT) && c >= 'a' && c <= 'z')
		code = c - 'a' + 'A';
	if (modifiers & CONTROL)
		code = control(c);
	if (code < 0)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "expected a key, got \"C-%c\"", c);
	if ((modifiers & META) && add_text(keys, ESC, err) < 0)
		return -1;
	c = (char)code;
	return keys_add(keys, &c, 1, err);
}

/**
 * keys_add_name() - one key, or text
 */
int keys_add_name(struct keys *keys, const char *name, size_t len, bool newline,
		  struct err *err)
{
	const char *base = name;
	size_t left = len;
	unsigned int modifiers;
	const struct named *key;

	if (len == 2 && name[0] == '^' && control(name[1]) >= 0)
		return add_char(keys, name[1], CONTROL, err);
	modifiers = take_modifiers(&base, &left);
	key = find_name(base, left);
	if (key)
		return add_named(keys, key, modifiers, newline, err);
	if (left == 1)
		return add_char(keys, *base, modifiers, err);
	if (modifiers)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "expected a key, got \"%.*s\"", SHOWN_BYTES,
			       name);
	return keys_add(keys, name, len, err);
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/**
 * keys_add_hex() - one byte
 */
int keys_add_hex(struct keys *keys, const char *text, struct err *err)
{
	const char *at = text;
	int high, low = -1;
	char byte;

	if (at[0] == '0' && (at[1] == 'x' || at[1] == 'X'))
		at += 2;
	high = digit(at[0]);
	if (high >= 0 && at[1])
		low = digit(at[1]);
	if (high < 0 || (at[1] && (low < 0 || at[2])))
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "expected a byte as two hexadecimal digits, got \"%.*s\"",
			       SHOWN_BYTES, text);
	byte = (char)(at[1] ? high * 16 + low : high);
	return keys_add(keys, &byte, 1, err);
}

/**
 * keys_add_paste() - text, as if it were pasted
 *
 * A mark of its end within it is left out: what follows would be typed.
 */
int keys_add_paste(struct keys *keys, const char *text, size_t len,
		   bool bracketed, struct err *err)
{
	const char *end = text + len;

	if (!bracketed)
		return keys_add(keys, text, len, err);
	if (add_text(keys, PASTE_BEGIN, err) < 0)
		return -1;
	while (text < end) {
		const char *mark = memmem(text, (size_t)(end - text), PASTE_END,
					  strlen(PASTE_END));
		const char *stop = mark ? mark : end;

		if (keys_add(keys, text, (size_t)(stop - text), err) < 0)
			return -1;
		text = mark ? mark + strlen(PASTE_END) : end;
	}
	return add_text(keys, PASTE_END, err);
}
