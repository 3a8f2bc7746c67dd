/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SipHash-1-3: a file's author cannot choose names that collide.
 */
#ifndef CONTROLLER_CONFIG_HASH_H
#define CONTROLLER_CONFIG_HASH_H

#include <stddef.h>
#include <stdint.h>

struct cfg_hash_key {
	uint64_t k0;
	uint64_t k1;
};

uint64_t cfg_hash(const struct cfg_hash_key *key, const char *bytes,
		  size_t len);

#endif
