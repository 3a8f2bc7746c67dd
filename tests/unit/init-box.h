/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs init_main() as pid 1 of throw-away namespaces and speaks init.proto
 * with it, without a helper or a controller.
 */
#ifndef TESTS_UNIT_INIT_BOX_H
#define TESTS_UNIT_INIT_BOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/init.pb-c.h"

struct box {
	int sock;
	pid_t pid;
	bool cgroup;
	bool range; /* started by root: several ids are mapped */
	char cgroup_dir[128];
};

/* One event; what it points to lives until the next one of the same box. */
struct box_event {
	Ini__Event *ev;
	int fd; /* -1 none; the caller's, as the others */
	int more_fd[2];
};

struct box_exec {
	const char *const *argv;
	const char *const *envp;
	const char *cwd;
	uint8_t id; /* first byte of the token */
	uint32_t uid;
	uint32_t gid;
	uint64_t timeout_ms;
	uint64_t cap_keep;
	const char *apparmor; /* NULL none */
	uint64_t max_processes;
	Ini__Filter filter;
	bool no_search;
	bool tty;
	bool blob; /* strings by memfd */
	bool memory_peak;
	Ini__Capture capture;
	bool input_once;
	uint64_t limit_memory;
	uint64_t limit_cpu_usec;
	int lifeline_fd; /* 0: none */
	int stdio_fd[3]; /* all 0: none */
};

struct box_result {
	bool failed;
	uint32_t stage;
	int sys;
	bool signalled;
	int status;
	Ini__Exited exited;
	char out[65536];
	size_t out_len;
};

/* What the next one does to itself before it is pid 1; NULL nothing. */
extern void (*box_before_init)(void);

bool box_can_cgroup(void);
void box_start(struct box *box, bool cgroup);
void box_stop(struct box *box); /* checks that the sandbox ends by itself */
void box_send(struct box *box, Ini__Request *req, const int *fds, size_t n_fds);
void box_send_exec(struct box *box, const struct box_exec *exec);
void box_signal(struct box *box, uint8_t id, int sig, bool tree);
void box_ack(struct box *box, uint8_t id);
void box_kill_control(struct box *box);
struct box_event box_wait(struct box *box, int timeout_ms);
struct box_event box_expect(struct box *box, Ini__Event__EvCase which);
Ini__Exited box_expect_exited(struct box *box, uint8_t id);
void box_run(struct box *box, const struct box_exec *exec,
	     struct box_result *result);
int box_sh(struct box *box, const char *script, char *out, size_t size);
unsigned box_count_processes(struct box *box);

#endif
