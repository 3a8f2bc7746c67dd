/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One message of each kind of the three protocols, with every field set.
 * Their encodings are committed below tests/fuzz/corpus.
 */
#ifndef TESTS_UNIT_GOLDEN_H
#define TESTS_UNIT_GOLDEN_H

#include <stddef.h>

#include <protobuf-c/protobuf-c.h>

struct golden {
	const char *protocol; /* helper, init or control: a folder's name */
	const char *name;
	const ProtobufCMessage *msg;
};

typedef void golden_visit(const struct golden *golden, void *data);

void golden_helper(golden_visit *visit, void *data);
void golden_init(golden_visit *visit, void *data);
void golden_control(golden_visit *visit, void *data);
void golden_tools(golden_visit *visit, void *data);
void golden_all(golden_visit *visit, void *data);

/* A value of a "bytes" field, and an identifier of 16 bytes. */
#define GOLDEN_BYTES(text) \
	((ProtobufCBinaryData){ sizeof(text) - 1, (uint8_t *)(text) })
#define GOLDEN_ID GOLDEN_BYTES("\x00\x01\x02\x03\x04\x05\x06\x07" \
			       "\x08\x09\xfa\xfb\xfc\xfd\xfe\xff")

#endif
