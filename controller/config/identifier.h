/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The characters of ECMAScript's identifiers.
 */
#ifndef CONTROLLER_CONFIG_IDENTIFIER_H
#define CONTROLLER_CONFIG_IDENTIFIER_H

#include <stdbool.h>
#include <stdint.h>

bool cfg_identifier_start(uint32_t character);
bool cfg_identifier_part(uint32_t character);

#endif
