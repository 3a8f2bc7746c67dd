/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mistakes that people make in a configuration, and what they are told.
 */
#ifndef TESTS_UNIT_CONFIG_MISTAKES_H
#define TESTS_UNIT_CONFIG_MISTAKES_H

#include <stddef.h>

struct config_mistake {
	const char *name; /* of the file */
	const char *text;
	const char *want; /* each problem on a line, "(w) " before warnings */
};

extern const struct config_mistake config_mistakes[];
extern const size_t config_n_mistakes;

#endif
