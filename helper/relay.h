/* SPDX-License-Identifier: Apache-2.0 */
/* What a controller writes to its standard error. */
#ifndef HELPER_RELAY_H
#define HELPER_RELAY_H

#include <stdint.h>
#include <sys/types.h>

struct hlp_relay {
	int fd;           /* owned, -1: nobody speaks */
	uid_t uid;        /* whose controller it is */
	int64_t until_ms; /* when lines are counted anew */
	uint32_t lines;
};

void hlp_relay_lines(struct hlp_relay *relay);
void hlp_relay_end(struct hlp_relay *relay);

#endif
