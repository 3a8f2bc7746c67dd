/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What cppcheck cannot take from system headers, which it does not read.
 */
#ifndef TESTS_LINT_CPPCHECK_H
#define TESTS_LINT_CPPCHECK_H

#define PROTOBUF_C_VERSION_NUMBER 1004001
#define PROTOBUF_C_MIN_COMPILER_VERSION 1000000

#define STAILQ_HEAD(name, type) struct { struct type *first; }
#define TAILQ_HEAD(name, type) struct { struct type *first; }
#define LIST_HEAD(name, type) struct { struct type *first; }
#define STAILQ_ENTRY(type) struct { struct type *next; }
#define TAILQ_ENTRY(type) struct { struct type *next; }
#define LIST_ENTRY(type) struct { struct type *next; }
#define LIST_FIRST(head) ((head)->first)
#define LIST_NEXT(item, field) ((item)->field.next)
#define LIST_FOREACH(item, head, field) \
	for ((item) = (head)->first; (item); (item) = (item)->field.next)

#endif
