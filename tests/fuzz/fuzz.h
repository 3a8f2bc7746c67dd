/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fuzz target: one protocol.  fuzz-*.c says which messages, target.c what is
 * done with the bytes; libFuzzer or replay.c is the main program.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

struct fuzz_protocol {
	const char *name; /* folder of its seeds */
	size_t max;	  /* largest datagram */
	const ProtobufCMessageDescriptor *types[3]; /* ends with NULL */
	void (*deeper)(const uint8_t *data, size_t size); /* or NULL */
};

extern const struct fuzz_protocol fuzz_protocol;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
