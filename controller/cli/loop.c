// SPDX-License-Identifier: Apache-2.0
/*
 * libevent ends the process where it gets no descriptor for its own use, with
 * a status and a message that are not creel's.
 */
#include <config.h>

#include "controller/cli/loop.h"

#include <errno.h>
#include <unistd.h>

#include <event2/event.h>

#include "controller/cli/report.h"
#include "proto/exit-codes.h"

static void on_event_log(int severity, const char *text)
{
	if (severity >= EVENT_LOG_ERR)
		cli_error("event loop: %s", text);
}

static void on_event_fatal(int status)
{
	(void)status;
	_exit(CREEL_EXIT_FAILED);
}

/**
 * cli_loop_new() - an event loop that says creel's messages
 *
 * Return: to be freed by event_base_free(), or NULL.
 */
struct event_base *cli_loop_new(struct err *err)
{
	struct event_config *config;
	struct event_base *base = NULL;

	event_set_log_callback(on_event_log);
	event_set_fatal_callback(on_event_fatal);
	config = event_config_new();
	if (config) {
		(void)event_config_set_flag(config,
					    EVENT_BASE_FLAG_NOLOCK |
						    EVENT_BASE_FLAG_IGNORE_ENV);
		base = event_base_new_with_config(config);
		event_config_free(config);
	}
	if (!base)
		(void)err_set(err, ERR_KERNEL, ENOMEM, "event loop");
	return base;
}
