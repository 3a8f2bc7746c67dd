/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command lines of firejail, read as descriptions of sandboxes.  Pure text: no
 * program of that name is ever run.
 *
 * What firejail shows of the host, creel does not: a path is there if a flag
 * names it, or if it is a part of the image.
 */
#ifndef CONTROLLER_COMPAT_FIREJAIL_H
#define CONTROLLER_COMPAT_FIREJAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controller/config/schema.h"
#include "proto/err.h"

struct cfg_tree;

#define JAIL_MAX_PLACES 48
#define JAIL_MAX_VARIABLES 64
#define JAIL_MAX_ULIMITS 8
#define JAIL_NAME_BYTES 33

enum jail_access {
	JAIL_ACCESS_INVALID = 0,
	JAIL_ACCESS_READ,  /* --whitelist, --read-only */
	JAIL_ACCESS_WRITE, /* --read-write */
	JAIL_ACCESS_NONE,  /* --blacklist */
};

struct jail_place {
	const char *path; /* absolute, normalised: the same on both sides */
	enum jail_access access;
	bool listed; /* by --whitelist, of which read-write makes one that can be written */
};

/* A throw-away sandbox.  Everything in it is in mem, or borrowed. */
struct tool_jail {
	struct cfg_tree *mem; /* owned */
	const char *key;      /* of the configuration that asks for it */
	const char *home;     /* borrowed: absolute, what ~ means */
	struct jail_place places[JAIL_MAX_PLACES];
	size_t n_places;
	bool private_home;       /* a new one, empty unless it has a source */
	const char *home_source; /* absolute; NULL: it is empty */
	bool no_network;         /* else what the session has */
	bool no_caps;            /* likewise */
	bool no_root;            /* its user is none that is root inside */
	bool private_tmp;        /* no path of the host is its /tmp */
	bool shapes;             /* a flag says what the sandbox is made of */
	const char *hostname;    /* NULL: as ever */
	const char *name;        /* what --join finds it by; NULL none */
	const char *join;        /* NULL: a new one */
	uint64_t timeout_ms;     /* 0: none */
	const char *env[JAIL_MAX_VARIABLES]; /* NAME=VALUE */
	size_t n_env;
	const char *rmenv[JAIL_MAX_VARIABLES];
	size_t n_rmenv;
	struct cfg_ulimit ulimits[JAIL_MAX_ULIMITS];
	size_t n_ulimits;
	size_t rest;        /* the words from here on are a program's */
	const char *folder; /* made for the command, its working directory; borrowed */
	const char *folder_key; /* that it cannot be made is about this key; NULL none */
};

/* Is this word firejail's program? */
bool firejail_is(const char *word);

/*
 * @words: a command line that begins with firejail's program; borrowed
 * @home:  absolute; borrowed
 * @jail:  filled; jail_fini() in any case
 *
 * Return: 0, or -1 with the flag in @err: UNSUPPORTED for one that is not
 * known or cannot be honoured, BAD_REQUEST for a wrong value.
 */
int firejail_parse(const char *const *words, size_t n, const char *home,
		   struct tool_jail *jail, struct err *err);

/* Adds a place; the same one again gets the wider of read and write. */
int jail_add_place(struct tool_jail *jail, const char *path,
		   enum jail_access access, struct err *err);
/* Do the places agree with each other, and with a home of its own? */
int jail_check(struct tool_jail *jail, struct err *err);
/* Can the home folder be where it is on the host? */
bool jail_has_home(const struct tool_jail *jail);
/* What may be done with a path, by the place nearest above it. */
enum jail_access jail_access_of(const struct tool_jail *jail,
				const char *path);
void jail_fini(struct tool_jail *jail);

#endif
