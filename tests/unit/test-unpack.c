// SPDX-License-Identifier: Apache-2.0
/*
 * wire_unpack() accepts the canonical encoding of a message and nothing else.
 */
#include <config.h>

#include "proto/wire.h"

#include <limits.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/control.pb-c.h"
#include "proto/helper.pb-c.h"
#include "proto/init.pb-c.h"
#include "tests/unit/golden.h"
#include "tests/unit/runner.h"

static alignas(max_align_t) unsigned char memory[WIRE_ARENA_BYTES];
static struct arena arena;
static uint8_t buf[WIRE_FRAME_MAX_BYTES];

static void setup(void)
{
	arena_init(&arena, memory, sizeof(memory));
}

/* Unpacks and checks what must hold for any input. Return: accepted? */
static bool accepts(const ProtobufCMessageDescriptor *type, const uint8_t *data,
		    size_t len)
{
	static uint8_t again[WIRE_FRAME_MAX_BYTES];
	struct err err = ERR_INIT;
	ProtobufCMessage *msg = wire_unpack(type, &arena, data, len, &err);

	ck_assert_uint_le(arena.used, arena.size);
	if (!msg) {
		ck_assert_int_eq(err.code, ERR_BAD_REQUEST);
		return false;
	}
	ck_assert_int_eq(err.code, ERR_NONE);
	ck_assert((unsigned char *)msg >= memory &&
		  (unsigned char *)msg < memory + sizeof(memory));
	ck_assert_uint_eq(protobuf_c_message_get_packed_size(msg), len);
	protobuf_c_message_pack(msg, again);
	ck_assert_mem_eq(again, data, len);
	return true;
}

static size_t pack(const struct golden *golden)
{
	size_t len = protobuf_c_message_get_packed_size(golden->msg);

	ck_assert_uint_le(len, sizeof(buf));
	protobuf_c_message_pack(golden->msg, buf);
	return len;
}

static void check_committed(const struct golden *golden, void *data)
{
	static uint8_t committed[WIRE_FRAME_MAX_BYTES];
	const char *top = getenv("top_srcdir");
	char path[PATH_MAX];
	size_t len = pack(golden);
	FILE *file;

	(void)data;
	snprintf(path, sizeof(path), "%s/tests/fuzz/corpus/%s/%s",
		 top ? top : ".", golden->protocol, golden->name);
	file = fopen(path, "re");
	ck_assert_msg(file != NULL, "%s is missing", path);
	ck_assert_msg(fread(committed, 1, sizeof(committed), file) == len &&
			      memcmp(committed, buf, len) == 0,
		      "%s differs from what is packed now", path);
	fclose(file);
	ck_assert_msg(accepts(golden->msg->descriptor, buf, len), "%s", path);
}

START_TEST(test_unpack_golden_messages_are_as_committed)
{
	golden_all(check_committed, NULL);
}
END_TEST

static void check_truncated(const struct golden *golden, void *data)
{
	size_t len = pack(golden);

	(void)data;
	/* Where a field ends, what is left is a smaller message: a oneof
	 * is the last field, so the whole verb is missing then.
	 */
	for (size_t cut = 0; cut < len; cut++) {
		static uint8_t copy[WIRE_FRAME_MAX_BYTES];

		memcpy(copy, buf, cut);
		(void)accepts(golden->msg->descriptor, copy, cut);
	}
}

START_TEST(test_unpack_truncated_at_every_byte_is_refused_or_canonical)
{
	golden_all(check_truncated, NULL);
}
END_TEST

static void check_flipped(const struct golden *golden, void *data)
{
	size_t len = pack(golden);

	(void)data;
	for (size_t bit = 0; bit < len * CHAR_BIT; bit++) {
		buf[bit / CHAR_BIT] ^= (uint8_t)(1U << bit % CHAR_BIT);
		(void)accepts(golden->msg->descriptor, buf, len);
		buf[bit / CHAR_BIT] ^= (uint8_t)(1U << bit % CHAR_BIT);
	}
	ck_assert(accepts(golden->msg->descriptor, buf, len));
}

START_TEST(test_unpack_every_bit_flipped_is_refused_or_canonical)
{
	golden_all(check_flipped, NULL);
}
END_TEST

static void check_noise(const struct golden *golden, void *data)
{
	unsigned long rounds = test_rounds(20000);
	size_t len = pack(golden);

	(void)data;
	for (unsigned long i = 0; i < rounds; i++) {
		for (int k = 0; len > 0 && k < 4; k++)
			buf[(size_t)random() % len] = (uint8_t)random();
		(void)accepts(golden->msg->descriptor, buf, len);
		pack(golden);
	}
}

START_TEST(test_unpack_noise_is_refused_or_canonical)
{
	srandom(20261123);
	golden_all(check_noise, NULL);
}
END_TEST

static void check_appended(const struct golden *golden, void *data)
{
	/* Field 1000 as a number, as bytes, as fixed 64 and fixed 32 bits. */
	static const struct {
		uint8_t bytes[12];
		size_t len;
	} extra[] = {
		{ { 0xc0, 0x3e, 0x01 }, 3 },
		{ { 0xc2, 0x3e, 0x01, 'x' }, 4 },
		{ { 0xc1, 0x3e, 1, 2, 3, 4, 5, 6, 7, 8 }, 10 },
		{ { 0xc5, 0x3e, 1, 2, 3, 4 }, 6 },
		{ { 0xc3, 0x3e, 0xc4, 0x3e }, 4 }, /* a group */
		{ { 0x00 }, 1 },
		{ { 0xff }, 1 },
	};
	size_t len = pack(golden);

	(void)data;
	for (size_t i = 0; i < sizeof(extra) / sizeof(*extra); i++) {
		memcpy(buf + len, extra[i].bytes, extra[i].len);
		ck_assert_msg(!accepts(golden->msg->descriptor, buf,
				       len + extra[i].len),
			      "%s with extra %zu", golden->name, i);
	}
	/* Everything twice: each singular field is repeated. */
	memcpy(buf + len, buf, len);
	ck_assert_msg(!accepts(golden->msg->descriptor, buf, 2 * len), "%s",
		      golden->name);
}

START_TEST(test_unpack_unknown_and_repeated_fields_are_refused)
{
	golden_all(check_appended, NULL);
}
END_TEST

static const struct {
	const char *what;
	const ProtobufCMessageDescriptor *type;
	uint8_t bytes[24];
	size_t len;
	bool accepted;
} rows[] = {
	/* The controls: these are canonical. */
	{ "seq and bye", &hlp__request__descriptor,
	  { 0x08, 0x01, 0x72, 0x00 }, 4, true },
	{ "hostname", &hlp__request__descriptor,
	  { 0x42, 0x05, 0x0a, 0x03, 'b', 'o', 'x' }, 7, true },
	{ "enum value that nobody knows: for validation, not for decoding",
	  &hlp__request__descriptor, { 0x12, 0x02, 0x20, 0x63 }, 4, true },
	{ "nothing at all: a message without a verb",
	  &hlp__request__descriptor, { 0 }, 0, true },

	{ "two members of a oneof", &hlp__request__descriptor,
	  { 0x4a, 0x00, 0x72, 0x00 }, 4, false },
	{ "the same member of a oneof twice", &hlp__request__descriptor,
	  { 0x72, 0x00, 0x72, 0x00 }, 4, false },
	{ "one number twice", &hlp__request__descriptor,
	  { 0x08, 0x01, 0x08, 0x01, 0x72, 0x00 }, 6, false },
	{ "fields in another order", &hlp__request__descriptor,
	  { 0x72, 0x00, 0x08, 0x01 }, 4, false },
	{ "over-long number", &hlp__request__descriptor,
	  { 0x08, 0x81, 0x00, 0x72, 0x00 }, 5, false },
	{ "number of 64 bits in a field of 32", &hlp__request__descriptor,
	  { 0x08, 0x81, 0x80, 0x80, 0x80, 0x10, 0x72, 0x00 }, 8, false },
	{ "number of 11 bytes", &hlp__request__descriptor,
	  { 0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	    0x01, 0x72, 0x00 }, 14, false },
	{ "default value written out", &hlp__request__descriptor,
	  { 0x08, 0x00, 0x72, 0x00 }, 4, false },
	{ "over-long tag", &hlp__request__descriptor,
	  { 0x88, 0x00, 0x01, 0x72, 0x00 }, 5, false },
	{ "over-long length", &hlp__request__descriptor,
	  { 0x72, 0x80, 0x00 }, 3, false },
	{ "NUL in a string", &hlp__request__descriptor,
	  { 0x42, 0x05, 0x0a, 0x03, 'b', 0, 'x' }, 7, false },
	{ "NUL at a string's end", &hlp__request__descriptor,
	  { 0x42, 0x05, 0x0a, 0x03, 'b', 'x', 0 }, 7, false },
	{ "length beyond the message", &hlp__request__descriptor,
	  { 0x42, 0x05, 0x0a, 0x04, 'b', 'o', 'x' }, 7, false },
	{ "length beyond everything", &hlp__request__descriptor,
	  { 0x42, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x0a }, 7, false },
	{ "unknown field within a verb", &hlp__request__descriptor,
	  { 0x72, 0x02, 0x08, 0x01 }, 4, false },
	{ "wrong wire type", &hlp__request__descriptor,
	  { 0x0a, 0x01, 0x01, 0x72, 0x00 }, 5, false },
	{ "bool of 2", &hlp__request__descriptor,
	  { 0x1a, 0x02, 0x08, 0x02 }, 4, false },
	{ "group end without a start", &hlp__request__descriptor,
	  { 0x0c }, 1, false },
	{ "both members of an event", &ini__event__descriptor,
	  { 0x32, 0x00, 0x0a, 0x00 }, 4, false },
	{ "both members of a client's request", &ctl__request__descriptor,
	  { 0x32, 0x00, 0x52, 0x00 }, 4, false },
	{ "unpacked repeated number", &ini__request__descriptor,
	  { 0x0a, 0x02, 0x40, 0x01 }, 4, false },
};

START_TEST(test_unpack_row_is_as_the_table_says)
{
	ck_assert_msg(accepts(rows[_i].type, rows[_i].bytes, rows[_i].len) ==
			      rows[_i].accepted, "%s", rows[_i].what);
}
END_TEST

static const ProtobufCMessageDescriptor *const types[] = {
	&hlp__request__descriptor, &hlp__event__descriptor,
	&ini__request__descriptor, &ini__event__descriptor,
	&ctl__request__descriptor, &ctl__reply__descriptor,
};

START_TEST(test_unpack_nested_16000_deep_is_refused)
{
	/* Groups nest in two bytes a level, for each field's number. */
	for (unsigned int field = 1; field < 16; field++) {
		memset(buf, (int)(field << 3 | 3), 16000);
		memset(buf + 16000, (int)(field << 3 | 4), 16000);
		ck_assert(!accepts(types[_i], buf, 32000));
	}
	/* As messages in messages: each is as long as what is left of it. */
	for (unsigned int field = 1; field < 16; field++) {
		size_t len = 0;

		for (size_t at = sizeof(buf); at > 4 && len < 16000;) {
			size_t inner = sizeof(buf) - at;

			if (inner >= 0x4000)
				buf[--at] = (uint8_t)(inner >> 14);
			if (inner >= 0x80)
				buf[--at] = (uint8_t)((inner >> 7 & 0x7f) |
						(inner >= 0x4000 ? 0x80 : 0));
			buf[--at] = (uint8_t)((inner & 0x7f) |
					      (inner >= 0x80 ? 0x80 : 0));
			buf[--at] = (uint8_t)(field << 3 | 2);
			len++;
			if (at <= 4)
				(void)accepts(types[_i], buf + at,
					      sizeof(buf) - at);
		}
		ck_assert_uint_ge(len, 16000);
		ck_assert(!accepts(types[_i], buf + sizeof(buf) - 4 * 16000 + 4,
				   4 * 16000 - 4));
	}
}
END_TEST

START_TEST(test_unpack_32768_empty_submessages_are_refused)
{
	/* For each number, in the message itself and within each verb. */
	for (unsigned int field = 1; field < 16; field++) {
		for (size_t i = 0; i < sizeof(buf); i += 2) {
			buf[i] = (uint8_t)(field << 3 | 2);
			buf[i + 1] = 0;
		}
		ck_assert(!accepts(types[_i], buf, sizeof(buf)));
		for (unsigned int verb = 1; verb < 16; verb++) {
			size_t inner = sizeof(buf) - 4;

			buf[0] = (uint8_t)(verb << 3 | 2);
			buf[1] = (uint8_t)((inner & 0x7f) | 0x80);
			buf[2] = (uint8_t)((inner >> 7 & 0x7f) | 0x80);
			buf[3] = (uint8_t)(inner >> 14);
			ck_assert(!accepts(types[_i], buf, sizeof(buf)));
		}
	}
}
END_TEST

START_TEST(test_unpack_small_arena_refuses_what_it_cannot_hold)
{
	static const uint8_t bye[] = { 0x08, 0x01, 0x72, 0x00 };
	struct err err = ERR_INIT;
	size_t enough = 0;

	/* Each size fails or succeeds; none writes beyond the arena. */
	for (size_t size = 0; size <= 512; size += alignof(max_align_t)) {
		memset(memory + size, 0x5a, 64);
		arena_init(&arena, memory, size);
		if (wire_unpack(&hlp__request__descriptor, &arena, bye,
				sizeof(bye), &err))
			enough = enough ? enough : size;
		else
			ck_assert_uint_eq(enough, 0);
		for (size_t i = 0; i < 64; i++)
			ck_assert_uint_eq(memory[size + i], 0x5a);
	}
	ck_assert_uint_gt(enough, 0);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("unpack");
	TCase *tc = tcase_create("unpack");
	int n_types = (int)(sizeof(types) / sizeof(*types));

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_set_timeout(tc, 300);
	tcase_add_test(tc, test_unpack_golden_messages_are_as_committed);
	tcase_add_test(tc,
		test_unpack_truncated_at_every_byte_is_refused_or_canonical);
	tcase_add_test(tc,
		       test_unpack_every_bit_flipped_is_refused_or_canonical);
	tcase_add_test(tc, test_unpack_noise_is_refused_or_canonical);
	tcase_add_test(tc, test_unpack_unknown_and_repeated_fields_are_refused);
	tcase_add_loop_test(tc, test_unpack_row_is_as_the_table_says, 0,
			    (int)(sizeof(rows) / sizeof(*rows)));
	tcase_add_loop_test(tc, test_unpack_nested_16000_deep_is_refused, 0,
			    n_types);
	tcase_add_loop_test(tc, test_unpack_32768_empty_submessages_are_refused,
			    0, n_types);
	tcase_add_test(tc,
		       test_unpack_small_arena_refuses_what_it_cannot_hold);
	suite_add_tcase(suite, tc);
	return suite;
}
