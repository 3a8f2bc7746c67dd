/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash table of byte strings, chained through nodes that live in the
 * objects themselves.
 */
#ifndef CONTROLLER_CORE_MAP_H
#define CONTROLLER_CORE_MAP_H

#include <stddef.h>
#include <stdint.h>

#define container_of(ptr, type, member) \
	((type *)(void *)((char *)(ptr) - offsetof(type, member)))

struct ctl_node {
	struct ctl_node *next; /* borrowed */
	const void *key;       /* borrowed from the object */
	size_t len;
	uint64_t hash;
};

struct ctl_map {
	struct ctl_node **buckets; /* owned; the nodes are not */
	size_t n_buckets;          /* a power of two */
	size_t count;
	uint64_t seed;
};

int ctl_map_init(struct ctl_map *map);
void ctl_map_fini(struct ctl_map *map);
struct ctl_node *ctl_map_get(const struct ctl_map *map, const void *key,
			     size_t len);
void ctl_map_put(struct ctl_map *map, struct ctl_node *node, const void *key,
		 size_t len);
void ctl_map_del(struct ctl_map *map, struct ctl_node *node);

#endif
