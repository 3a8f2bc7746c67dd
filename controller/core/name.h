/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of sandboxes, slugs of session keys, ids in hexadecimal.
 */
#ifndef CONTROLLER_CORE_NAME_H
#define CONTROLLER_CORE_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/policy/resolve.h"
#include "proto/err.h"
#include "proto/wire.h"

#define CTL_NAME_MAX_BYTES 128
#define CTL_SLUG_BYTES POL_SLUG_BYTES
#define CTL_HEX_BYTES (2 * WIRE_ID_BYTES + 1)
#define CTL_HEX_PREFIX_MIN 6

int ctl_name_check(const char *name, struct err *err);
void ctl_name_slug(const char *key, char slug[CTL_SLUG_BYTES]);
void ctl_name_hex(const uint8_t id[WIRE_ID_BYTES], char hex[CTL_HEX_BYTES]);
bool ctl_name_is_hex_prefix(const char *text);

#endif
