/* SPDX-License-Identifier: Apache-2.0 */
/* How the listener turns clients away. */
#ifndef HELPER_REFUSE_H
#define HELPER_REFUSE_H

#include "proto/err.h"

void hlp_refuse(int *client_fd, enum err_code code, const char *why);
void hlp_refuse_ended(void);

#endif
