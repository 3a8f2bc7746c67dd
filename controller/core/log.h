/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log lines, for creeld alone: an embedded controller is silent.
 */
#ifndef CONTROLLER_CORE_LOG_H
#define CONTROLLER_CORE_LOG_H

enum ctl_log_level {
	CTL_LOG_ERR = 3,
	CTL_LOG_WARN = 4,
	CTL_LOG_INFO = 6,
	CTL_LOG_DEBUG = 7,
};

void ctl_log_open(enum ctl_log_level most);
void ctl_log(enum ctl_log_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
