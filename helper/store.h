/* SPDX-License-Identifier: Apache-2.0 */
/* What keeps the listener's descriptors where no service manager does. */
#ifndef HELPER_STORE_H
#define HELPER_STORE_H

#include "helper/service.h"

void hlp_store_run(struct hlp_service *service, char **argv);

#endif
