// SPDX-License-Identifier: Apache-2.0
/*
 * Hash table.  Seeded, since part of the keys is chosen by models.
 */
#include <config.h>

#include "controller/core/map.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define CTL_MAP_FIRST_BUCKETS 64

static uint64_t hash_bytes(const struct ctl_map *map, const void *key,
			   size_t len)
{
	const unsigned char *bytes = key;
	uint64_t hash = map->seed;

	for (size_t i = 0; i < len; i++) {
		hash ^= bytes[i];
		hash *= 0x100000001b3ULL;
		hash ^= hash >> 29;
	}
	return hash ^ (hash >> 32);
}

/**
 * ctl_map_init() - an empty table
 *
 * Return: 0, or -1 without memory.
 */
int ctl_map_init(struct ctl_map *map)
{
	*map = (struct ctl_map){ .n_buckets = CTL_MAP_FIRST_BUCKETS };
	map->buckets = calloc(map->n_buckets, sizeof(struct ctl_node *));
	if (!map->buckets)
		return -1;
	/* Without entropy the table still works, just not against flooding. */
	if (getrandom(&map->seed, sizeof(map->seed), GRND_NONBLOCK) < 0)
		map->seed = 0xcbf29ce484222325ULL;
	return 0;
}

/**
 * ctl_map_fini() - release the table, not what is in it
 */
void ctl_map_fini(struct ctl_map *map)
{
	free(map->buckets);
	*map = (struct ctl_map){ 0 };
}

/**
 * ctl_map_get() - look a key up
 *
 * Return: its node or NULL.
 */
struct ctl_node *ctl_map_get(const struct ctl_map *map, const void *key,
			     size_t len)
{
	uint64_t hash = hash_bytes(map, key, len);
	struct ctl_node *node = map->buckets[hash & (map->n_buckets - 1)];

	while (node && (node->hash != hash || node->len != len ||
			memcmp(node->key, key, len) != 0))
		node = node->next;
	return node;
}

/* A table that cannot grow still works, with longer chains. */
static void grow(struct ctl_map *map)
{
	size_t n_buckets = map->n_buckets * 2;
	struct ctl_node **buckets = calloc(n_buckets, sizeof(*buckets));

	if (!buckets)
		return;
	for (size_t i = 0; i < map->n_buckets; i++) {
		struct ctl_node *node = map->buckets[i];

		while (node) {
			struct ctl_node *next = node->next;
			size_t at = node->hash & (n_buckets - 1);

			node->next = buckets[at];
			buckets[at] = node;
			node = next;
		}
	}
	free(map->buckets);
	map->buckets = buckets;
	map->n_buckets = n_buckets;
}

/**
 * ctl_map_put() - enter an object
 * @node: in no table; lives until ctl_map_del()
 * @key:  not in the table yet; @len bytes, borrowed
 */
void ctl_map_put(struct ctl_map *map, struct ctl_node *node, const void *key,
		 size_t len)
{
	size_t at;

	if (map->count >= map->n_buckets)
		grow(map);
	node->key = key;
	node->len = len;
	node->hash = hash_bytes(map, key, len);
	at = node->hash & (map->n_buckets - 1);
	node->next = map->buckets[at];
	map->buckets[at] = node;
	map->count++;
}

/**
 * ctl_map_del() - take an object out
 * @node: in the table, or in none
 */
void ctl_map_del(struct ctl_map *map, struct ctl_node *node)
{
	struct ctl_node **at = &map->buckets[node->hash & (map->n_buckets - 1)];

	while (*at && *at != node)
		at = &(*at)->next;
	if (!*at)
		return;
	*at = node->next;
	node->next = NULL;
	map->count--;
}
