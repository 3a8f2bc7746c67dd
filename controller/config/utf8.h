/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UTF-8, without the locale's help.
 */
#ifndef CONTROLLER_CONFIG_UTF8_H
#define CONTROLLER_CONFIG_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How many bytes, from the first on, are whole and valid characters. */
size_t cfg_utf8_valid(const char *text, size_t len);
/* The character there, in text that is valid; its length in bytes. */
size_t cfg_utf8_get(const char *at, uint32_t *character);
/* Writes 1 to 4 bytes; their number. */
size_t cfg_utf8_put(char *at, uint32_t character);
/* Neither a surrogate nor beyond the last one. */
bool cfg_utf8_is_scalar(uint32_t character);

#endif
