/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The error value of every fallible function: filled once where the cause is
 * known, given context on the way up, never allocated.
 */
#ifndef PROTO_ERR_H
#define PROTO_ERR_H

/* Shared with the wire: never renumber. */
enum err_code {
	ERR_NONE = 0,
	ERR_BAD_REQUEST = 1, /* the request itself is wrong */
	ERR_BAD_STATE = 2,   /* right request, wrong moment */
	ERR_DENIED = 3,      /* policy says no */
	ERR_LIMIT = 4,       /* a count or size is used up */
	ERR_UNSUPPORTED = 5, /* this kernel or machine cannot */
	ERR_KERNEL = 6,      /* the kernel refused */
	ERR_INTERNAL = 7,    /* a bug of ours */
};

struct err {
	enum err_code code;
	int sys; /* an errno, or 0 */
	char text[160];
};

#define ERR_INIT { .code = ERR_NONE, .sys = 0, .text = "" }

int err_set(struct err *err, enum err_code code, int sys, const char *fmt, ...)
	__attribute__((format(printf, 4, 5), nonnull(1, 4)));
int err_wrap(struct err *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3), nonnull(1, 2)));
const char *err_sys_text(int sys);

#endif
