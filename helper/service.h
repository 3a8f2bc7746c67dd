/* SPDX-License-Identifier: Apache-2.0 */
/* What a service manager hands over and is told. */
#ifndef HELPER_SERVICE_H
#define HELPER_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define HLP_SERVICE_FIRST_FD 3
#define HLP_SERVICE_MAX_FDS 160

struct hlp_service {
	int notify_fd;    /* owned, -1 none */
	bool stored;      /* it is hlp_store_run()'s */
	int64_t watch_ms; /* how often to say that all is well, -1 never */
	size_t n_fds;
	int fd[HLP_SERVICE_MAX_FDS];     /* owned */
	uid_t user[HLP_SERVICE_MAX_FDS]; /* whose link it is, -1 a listener */
};

void hlp_service_read(struct hlp_service *service);
uid_t hlp_service_user(const char *name);
void hlp_service_tell(const struct hlp_service *service, int fd,
		      const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
