/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exit statuses of every program, as their man pages list them.
 */
#ifndef PROTO_EXIT_CODES_H
#define PROTO_EXIT_CODES_H

enum creel_exit {
	/* creel run, exec, shell: the command's own status, or */
	CREEL_EXIT_TIMEOUT = 124,
	CREEL_EXIT_FAILED = 125, /* creel itself failed, usage included */
	CREEL_EXIT_NOT_EXECUTABLE = 126,
	CREEL_EXIT_NOT_FOUND = 127,
	CREEL_EXIT_SIGNAL = 128, /* plus the signal's number */

	/* creel's other verbs */
	CREEL_EXIT_OK = 0,
	CREEL_EXIT_REFUSED = 1,
	CREEL_EXIT_USAGE = 2,

	/* creel-helper and creeld */
	CREEL_EXIT_STOPPED = 0,    /* told to stop, or idle */
	CREEL_EXIT_CONFIG = 1,     /* usage, policy file or socket */
	CREEL_EXIT_VIOLATION = 3,  /* the peer broke the protocol */
	CREEL_EXIT_PRIVILEGE = 4,  /* a change of privileges failed */
	CREEL_EXIT_KERNEL = 5,     /* a kernel feature is missing */
};

#endif
