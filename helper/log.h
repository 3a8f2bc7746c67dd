/* SPDX-License-Identifier: Apache-2.0 */
/* One event, one line, on standard error. */
#ifndef HELPER_LOG_H
#define HELPER_LOG_H

enum hlp_level {
	HLP_LOG_INVALID = 0,
	HLP_LOG_ERR,   /* someone must act */
	HLP_LOG_WARN,
	HLP_LOG_INFO,  /* life cycle */
};

void hlp_log_levels(void);
void hlp_log(enum hlp_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
