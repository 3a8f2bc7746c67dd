/* SPDX-License-Identifier: Apache-2.0 */
/* Users' helpers, as the listener knows them. */
#ifndef HELPER_LISTENER_USERS_H
#define HELPER_LISTENER_USERS_H

#include "helper/service.h"
#include "helper/user.h"

/* A helper that is ending holds its entry as long as its sandboxes take. */
#define HLP_MAX_ENDING 7 /* a user */
#define HLP_MAX_ENTRIES ((1 + HLP_MAX_ENDING) * HLP_POLICY_MAX_USERS)

struct hlp_entry {
	pid_t pid;   /* 0: an earlier listener's child, or free */
	uid_t uid;
	int link_fd; /* owned; -1: it takes no more clients */
	int64_t started_ms;
};

/* Of a user whose helpers fail as soon as they are started. */
struct hlp_trouble {
	unsigned int failures; /* in a row */
	int64_t until_ms;      /* no other is started before */
	bool logged;
	char why[160];
};

struct hlp_users {
	const struct hlp_user_config *config; /* borrowed; who is to be filled */
	const struct hlp_service *service;    /* borrowed */
	bool served;
	struct hlp_entry entries[HLP_MAX_ENTRIES];
	struct hlp_trouble trouble[HLP_POLICY_MAX_ALLOW]; /* as in allow */
};

void hlp_users_init(struct hlp_users *users,
		    const struct hlp_user_config *config,
		    const struct hlp_service *service);
int hlp_users_serve(struct hlp_users *users, int *client_fd,
		    const struct hlp_identity *who, struct err *err);
void hlp_users_reap(struct hlp_users *users);
bool hlp_users_forked(const struct hlp_users *users);

#endif
