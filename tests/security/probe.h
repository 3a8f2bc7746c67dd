/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Benign probes of a sandbox's borders.  Each prints one line,
 *
 *	NAME <tab> VERDICT <tab> DETAIL
 *
 * where VERDICT is "allowed", "refused", "killed" (by a signal) or "fact".
 * Probes report; the drivers beside this file judge.
 */
#ifndef SECURITY_PROBE_H
#define SECURITY_PROBE_H

#include <stdbool.h>
#include <stddef.h>

#define PROBE_NAME_MAX 256
#define PROBE_CHILD_SEC 5

typedef long probe_fn(void *arg);

void probe_say(const char *name, const char *verdict, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void probe_say_rc(const char *name, long rc);
void probe_child(const char *name, probe_fn *fn, void *arg);
const char *probe_errno_name(int number);
long probe_fork_rc(probe_fn *fn, void *arg, int *sys, int *sig);

/* Groups, by the words of the command line. */
void probe_group_status(void);
void probe_group_fds(void);
void probe_group_leak(void);
void probe_group_ident(void);
void probe_group_setid(const char *dir);
void probe_group_pid1(void);
void probe_group_storm(unsigned int seconds);
void probe_group_masks(void);
void probe_group_procsys(bool write_back);
void probe_group_devices(void);
void probe_group_mounts(void);
void probe_group_peel(void);
void probe_group_ns(void);
void probe_group_abi(void);
void probe_group_sockets(void);
void probe_group_kernel(void);
void probe_group_tty(void);
void probe_group_reach(int argc, char **argv);
void probe_group_quota(const char *resource, bool hold);
void probe_group_secret(const char *reversed);

#endif
