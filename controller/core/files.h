/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files that creel generates in a sandbox's /etc.
 */
#ifndef CONTROLLER_CORE_FILES_H
#define CONTROLLER_CORE_FILES_H

#include <stddef.h>

#include "proto/wire.h"

struct ctl_spec;

struct ctl_file {
	char text[WIRE_FILE_MAX_BYTES + 1];
	size_t len;
};

void ctl_file_passwd(const struct ctl_spec *spec, struct ctl_file *out);
void ctl_file_group(const struct ctl_spec *spec, struct ctl_file *out);
void ctl_file_hosts(const struct ctl_spec *spec, struct ctl_file *out);
void ctl_file_hostname(const struct ctl_spec *spec, struct ctl_file *out);
void ctl_file_resolv(const struct ctl_spec *spec, struct ctl_file *out);
void ctl_file_copy(const char *path, size_t more, struct ctl_file *out);

#endif
