/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens to sandboxes, told to clients that want to hear it as it
 * happens. Nothing of it is kept.
 */
#ifndef CONTROLLER_SESSION_EVENTS_H
#define CONTROLLER_SESSION_EVENTS_H

#include "controller/core/fail.h"
#include "proto/control.pb-c.h"

/* More of a text is left out. */
#define SES_EVENT_BYTES 512

struct ctl_client;
struct ses_events;

struct ses_events *ses_events_new(void);
void ses_events_free(struct ses_events *events);
int ses_req_events(struct ses_events *events, struct ctl_client *client,
		   const Ctl__Request *req, struct ctl_fail *fail);
/*
 * @what: created, ready, removed, lost, paused, resumed, tool, exec, exited,
 *        appeared, config, pruned, recreated. NULL is "". Costs nothing without listeners.
 */
void ses_events_tell(struct ses_events *events, const char *what,
		     const char *sandbox, const char *session,
		     const char *text);
void ses_events_client_gone(struct ses_events *events,
			    struct ctl_client *client);

#endif
