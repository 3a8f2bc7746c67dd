/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must hold of a configuration file's parser, whatever the file has.
 */
#ifndef TESTS_FUZZ_CONFIG_TARGET_H
#define TESTS_FUZZ_CONFIG_TARGET_H

#include <stddef.h>
#include <stdint.h>

#include "controller/config/tree.h"

typedef __typeof__(cfg_json5_parse) config_parser;

/* Aborts where something does not. */
void config_target(config_parser *parse, const uint8_t *data, size_t size);

#endif
