/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fixed tables of pid 1 and the modules that work on them.
 */
#ifndef HELPER_INIT_STATE_H
#define HELPER_INIT_STATE_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "helper/init/init.h"
#include "helper/init/request.h"
#include "helper/knockout.h"
#include "proto/cleanup.h"

#define INIT_MAX_EXECS 1024
#define INIT_MAX_WORKERS 48 /* twice what creeld asks for at once */
/* Of a memfd whose content nobody can change any more. */
#define INIT_SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

enum init_exec_state {
	INIT_EXEC_FREE = 0,
	INIT_EXEC_ARMED,    /* forked ahead, waits for its order */
	INIT_EXEC_STARTING, /* execve not known to have worked */
	INIT_EXEC_RUNNING,
	INIT_EXEC_FAILED,   /* never ran, to be told */
	INIT_EXEC_OVER,     /* status kept until acknowledged */
	INIT_EXEC_LINGERS,  /* acknowledged; left processes behind */
};

/* Events of an exec that the socket had no room for yet. */
enum { INIT_TELL_START = 1, INIT_TELL_END = 2, INIT_TELL_LIST = 4 };

struct init_exec {
	enum init_exec_state state;
	uint8_t token[WIRE_ID_BYTES];
	pid_t pid;       /* the command, 0 before it is known */
	pid_t monitor;   /* its subreaper where there are no cgroups, else 0 */
	uint32_t number; /* of its cgroup; never used twice */
	unsigned tell;
	int start_fd;    /* owned: hangs up when execve worked */
	int order_fd;    /* owned: to an armed process */
	int lifeline_fd; /* owned */
	int hand_fd[3];  /* owned: to be passed on; with capture they are kept */
	int64_t started_usec;
	int64_t deadline_usec; /* 0: none */
	int64_t linger_usec;   /* until its cgroup is looked at again */
	bool own_memory;
	bool captured;   /* until it is acknowledged */
	bool input_once; /* but for the first */
	bool killed; /* by us */
	bool empty;  /* ended, and nothing of it is left */
	uint64_t oom_kills; /* of the sandbox when it started */
	Ini__Stage stage;   /* where it failed */
	int sys;
	Ini__Exited end; /* without its token */
};

struct init_worker {
	pid_t pid; /* 0: free, -1: died without an answer, sys is to be told */
	int order_fd; /* owned */
	uid_t uid;
	gid_t gid;
	bool busy;    /* as far as is known: it has not said that it is done */
	uint32_t seq;
	int64_t deadline_usec;
	int sys;
};

struct init {
	struct init_config config;
	int signal_fd;
	int note_fd[2]; /* monitors tell how their commands ended */
	int proc_fd;    /* to look for strays, -1 with cgroups */
	int events_fd;  /* memory.events, -1 none */
	int workdir_fd;
	int abi;          /* of Landlock, 0 none */
	bool leaf;        /* pid 1 sits in one, execs may have controllers */
	uint64_t oom_kills;
	uint32_t next_number;
	struct rlimit nofile; /* as commands get it */
	struct init_exec execs[INIT_MAX_EXECS];
	uint32_t n_execs; /* slots ever used */
	struct init_worker workers[INIT_MAX_WORKERS];
	bool untold;        /* something waits for room in the socket, */
	uint8_t held[128];  /* perhaps this; no request is read meanwhile */
	size_t held_len;
	struct wire_frame *frame; /* of the request at hand */
	struct arena *arena;
	unsigned n_ended;
	bool arm; /* fork ahead when there is nothing else to do */
};

/* What a command's process writes into its start pipe. */
struct init_start_note {
	pid_t pid; /* first note, only below a monitor */
	int stage; /* 0, or where it failed */
	int sys;
};

/* What a monitor writes into the note pipe when its command ended. */
struct init_end_note {
	pid_t monitor;
	int wait_status;
	uint64_t cpu_usec;
};

/* How a process of a command starts: with a request, or waiting for one. */
struct init_child {
	const struct init *in;
	const struct init_request *req;
	int start_fd;
	int order_fd; /* -1 with a request */
};

/* event.c */
void init_tell(struct init *in, Ini__Event__EvCase which, void *message);
void init_tell_exec(struct init *in, struct init_exec *e, unsigned what);
void init_tell_flush(struct init *in);
bool init_tell_answer(const struct init *in, Ini__Answer *answer, int fd);

/* exec.c */
int64_t init_now_usec(void);
void init_exec_start(struct init *in, struct init_request *req);
void init_exec_signal(struct init *in, struct init_request *req);
void init_exec_ack(struct init *in, struct init_request *req);
void init_exec_close_input(struct init *in, struct init_request *req);
void init_exec_list(struct init *in, struct init_request *req);
void init_exec_kill(struct init *in, struct init_exec *e);
void init_exec_linger(struct init *in, struct init_exec *e);
void init_exec_release(struct init *in, struct init_exec *e);
void init_exec_arm(struct init *in);

/* watch.c */
void init_watch_start(struct init *in, struct init_exec *e);
void init_watch_children(struct init *in);
void init_watch_notes(struct init *in);
void init_watch_memory(struct init *in);
int64_t init_watch_deadlines(struct init *in, int64_t now_usec);

/* child.c */
pid_t init_clone(int cgroup_fd);
int init_close_others(const int *keep, size_t n_keep);
__attribute__((noreturn)) void init_child_run(const struct init_child *child);

/* identity.c */
int init_identity_groups(const struct init *in, const uint32_t *groups,
			 size_t n_groups);
int init_identity_take(const struct init *in, uid_t uid, gid_t gid,
		       uint64_t cap_keep);
int init_identity_settle(uint64_t cap_keep);
int init_landlock(int cgroup_fd, int *abi);
int init_filter_install(const struct sock_fprog *filter);

/* cgroup.c */
int init_cgroup_make(struct init *in, struct init_exec *e, const Ini__Exec *m);
void init_cgroup_kill(const struct init *in, uint32_t number);
bool init_cgroup_remove(const struct init *in, uint32_t number);
void init_cgroup_usage(const struct init *in, struct init_exec *e);
uint64_t init_cgroup_oom_kills(const struct init *in,
			       const struct init_exec *e);

/* worker.c, file.c */
void init_worker_start(struct init *in, struct init_request *req);
bool init_worker_wait(struct init *in);
void init_worker_end(struct init_worker *w);
bool init_worker_reap(struct init *in, pid_t pid);
int init_file_act(const struct init *in, const struct init_request *req,
		  Ini__Answer *answer);

#endif
