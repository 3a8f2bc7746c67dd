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

#define json_object_foreach(object, key, value) \
	for ((key) = json_object_iter_key(json_object_iter(object)); \
	     (key) && ((value) = json_object_get(object, key)); \
	     (key) = json_object_iter_key(json_object_iter_next(object, NULL)))
#define json_object_foreach_safe(object, next, key, value) \
	json_object_foreach(object, key, value)
#define json_array_foreach(array, index, value) \
	for ((index) = 0; (index) < json_array_size(array) && \
			  ((value) = json_array_get(array, index)); (index)++)

#endif
