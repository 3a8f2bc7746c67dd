// SPDX-License-Identifier: Apache-2.0
/*
 * The nodes of a configuration and the arena they live in.  Objects with many
 * members have an index: a file may have a hundred thousand in one of them.
 */
#include <config.h>

#include "controller/config/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "controller/config/hash.h"
#include "controller/config/reader.h"
#include "proto/cleanup.h"

#define CHUNK_MIN_BYTES ((size_t)16 << 10)
#define CHUNK_MAX_BYTES ((size_t)1 << 20)
#define INDEX_FROM 8 /* members; up to here they are looked through */
#define INDEX_MIN_SLOTS 32

struct chunk {
	struct chunk *next;
	size_t used;
	size_t size;
	max_align_t bytes[];
};

struct cfg_tree {
	struct chunk *chunks; /* owned; the first is the one in use */
	size_t next_bytes; /* of the next chunk */
	size_t n_nodes;
	struct cfg_hash_key hash_key;
};

struct slot {
	uint64_t hash;
	struct cfg_node *node;
};

struct cfg_index {
	struct cfg_tree *tree; /* borrowed; NULL: there was no memory for it */
	struct slot *slots; /* in the arena; NULL: few members */
	size_t size; /* a power of two */
};

/**
 * cfg_tree_new() - an empty tree
 *
 * Return: owned, NULL where there is no memory.
 */
struct cfg_tree *cfg_tree_new(void)
{
	struct cfg_tree *tree = calloc(1, sizeof(*tree));

	if (!tree)
		return NULL;
	tree->next_bytes = CHUNK_MIN_BYTES;
	/* Without randomness (early at boot) a guessable key has to do. */
	if (getrandom(&tree->hash_key, sizeof(tree->hash_key), GRND_NONBLOCK) !=
	    (ssize_t)sizeof(tree->hash_key))
		tree->hash_key.k0 = (uint64_t)(uintptr_t)tree;
	return tree;
}

/**
 * cfg_tree_free() - release a tree and all that is in it; NULL is none
 */
void cfg_tree_free(struct cfg_tree *tree)
{
	if (!tree)
		return;
	while (tree->chunks) {
		struct chunk *next = tree->chunks->next;

		free(tree->chunks);
		tree->chunks = next;
	}
	free(tree);
}

static struct chunk *add_chunk(struct cfg_tree *tree, size_t bytes)
{
	size_t size = tree->next_bytes;
	struct chunk *chunk;

	if (bytes > SIZE_MAX / 2)
		return NULL;
	if (size < CHUNK_MAX_BYTES)
		tree->next_bytes = 2 * size;
	if (size < bytes)
		size = bytes;
	chunk = malloc(sizeof(*chunk) + size);
	if (!chunk)
		return NULL;
	chunk->size = size;
	chunk->used = 0;
	chunk->next = tree->chunks;
	tree->chunks = chunk;
	return chunk;
}

/**
 * cfg_tree_alloc() - zeroed memory that lives as long as the tree
 *
 * Return: aligned for anything, NULL where there is no memory.
 */
void *cfg_tree_alloc(struct cfg_tree *tree, size_t bytes)
{
	const size_t align = _Alignof(max_align_t);
	struct chunk *chunk = tree->chunks;
	void *got;

	if (bytes > SIZE_MAX / 2)
		return NULL;
	bytes = (bytes + align - 1) / align * align;
	if (!chunk || chunk->size - chunk->used < bytes)
		chunk = add_chunk(tree, bytes);
	if (!chunk)
		return NULL;
	got = (char *)chunk->bytes + chunk->used;
	chunk->used += bytes;
	return memset(got, 0, bytes);
}

/**
 * cfg_tree_strndup() - a copy of @len bytes, with a NUL after them
 *
 * Return: the copy, in the tree; NULL where there is no memory.
 */
char *cfg_tree_strndup(struct cfg_tree *tree, const char *text, size_t len)
{
	char *copy = len < SIZE_MAX ? cfg_tree_alloc(tree, len + 1) : NULL;

	if (copy && len > 0)
		memcpy(copy, text, len);
	return copy;
}

/**
 * cfg_tree_vprintf() - a text made as printf(3) does
 *
 * Return: the text, in the tree; NULL where there is no memory.
 */
char *cfg_tree_vprintf(struct cfg_tree *tree, const char *fmt, va_list args)
{
	auto_free char *text = NULL;
	int len = vasprintf(&text, fmt, args);

	if (len < 0) {
		text = NULL;
		return NULL;
	}
	return cfg_tree_strndup(tree, text, (size_t)len);
}

/**
 * cfg_tree_printf() - as cfg_tree_vprintf()
 */
char *cfg_tree_printf(struct cfg_tree *tree, const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	text = cfg_tree_vprintf(tree, fmt, args);
	va_end(args);
	return text;
}

/**
 * cfg_tree_is_full() - were there too many nodes, rather than too little
 * memory?
 */
bool cfg_tree_is_full(const struct cfg_tree *tree)
{
	return tree->n_nodes >= CFG_MAX_NODES;
}

/**
 * cfg_node_new() - a node that is nowhere yet
 *
 * Return: in the tree; NULL where there is no memory or the tree has
 * CFG_MAX_NODES already.
 */
struct cfg_node *cfg_node_new(struct cfg_tree *tree, enum cfg_type type)
{
	struct cfg_node *node;

	if (cfg_tree_is_full(tree))
		return NULL;
	node = cfg_tree_alloc(tree, sizeof(*node));
	if (!node)
		return NULL;
	node->type = type;
	if (type == CFG_OBJECT) {
		node->index = cfg_tree_alloc(tree, sizeof(*node->index));
		if (!node->index)
			return NULL;
		node->index->tree = tree;
	}
	tree->n_nodes++;
	return node;
}

static uint64_t hash_of(const struct cfg_index *index, const char *key,
			size_t len)
{
	return cfg_hash(&index->tree->hash_key, key, len);
}

static bool has_key(const struct cfg_node *node, const char *key, size_t len)
{
	return node->key && node->key_len == len &&
	       memcmp(node->key, key, len) == 0;
}

/* The slot that holds the key, or the free one where it belongs. */
static struct slot *find_slot(const struct cfg_index *index, uint64_t hash,
			      const char *key, size_t len)
{
	size_t at = (size_t)hash & (index->size - 1);

	while (index->slots[at].node &&
	       (index->slots[at].hash != hash ||
		!has_key(index->slots[at].node, key, len)))
		at = (at + 1) & (index->size - 1);
	return &index->slots[at];
}

static void enter(const struct cfg_index *index, struct cfg_node *node,
		  uint64_t hash)
{
	struct slot *slot = find_slot(index, hash, node->key, node->key_len);

	/* The first of equal names is found, as in a list. */
	if (slot->node)
		return;
	slot->hash = hash;
	slot->node = node;
}

/* Twice the slots.  Without memory for it the list is looked through. */
static void grow(struct cfg_index *index, struct cfg_node *object)
{
	struct slot *old = index->slots;
	size_t old_size = index->size;
	size_t size = old ? 2 * old_size : INDEX_MIN_SLOTS;
	struct slot *slots = cfg_tree_alloc(index->tree, size * sizeof(*slots));

	index->slots = slots;
	index->size = size;
	if (!slots) {
		index->tree = NULL;
		return;
	}
	for (size_t i = 0; old && i < old_size; i++)
		if (old[i].node)
			enter(index, old[i].node, old[i].hash);
	for (struct cfg_node *node = object->first; !old && node;
	     node = node->next)
		if (node->key)
			enter(index, node,
			      hash_of(index, node->key, node->key_len));
}

/**
 * cfg_node_append() - @child becomes the last of @parent's
 *
 * Of an object's, its key must be set before.  What has the same key already
 * stays the one that is found.
 */
void cfg_node_append(struct cfg_node *parent, struct cfg_node *child)
{
	struct cfg_index *index = parent->index;

	child->next = NULL;
	if (parent->last)
		parent->last->next = child;
	else
		parent->first = child;
	parent->last = child;
	parent->count++;
	if (!index || !index->tree || parent->count <= INDEX_FROM)
		return;
	if (!index->slots || parent->count > index->size / 2)
		grow(index, parent);
	if (index->slots && child->key)
		enter(index, child, hash_of(index, child->key, child->key_len));
}

/**
 * cfg_node_set_key() - name a member, before it is appended
 *
 * Return: 0, or -1 where there is no memory.
 */
int cfg_node_set_key(struct cfg_tree *tree, struct cfg_node *node,
		     const char *key, size_t len)
{
	char *copy = cfg_tree_strndup(tree, key, len);

	if (!copy)
		return -1;
	node->key = copy;
	node->key_len = len;
	return 0;
}

/**
 * cfg_node_getn() - the member of that name, which may hold NULs
 * @object: anything; what is no object has no members
 *
 * Return: borrowed, NULL where there is none.
 */
struct cfg_node *cfg_node_getn(const struct cfg_node *object, const char *key,
			       size_t len)
{
	const struct cfg_index *index;

	if (!object || object->type != CFG_OBJECT)
		return NULL;
	index = object->index;
	if (index && index->tree && index->slots)
		return find_slot(index, hash_of(index, key, len), key, len)
			->node;
	for (struct cfg_node *node = object->first; node; node = node->next)
		if (has_key(node, key, len))
			return node;
	return NULL;
}

/**
 * cfg_node_get() - the member of that name
 * @object: anything; what is no object has no members
 *
 * Return: borrowed, NULL where there is none.
 */
struct cfg_node *cfg_node_get(const struct cfg_node *object, const char *key)
{
	return cfg_node_getn(object, key, strlen(key));
}

/* What a node itself holds, without its members. */
static struct cfg_node *copy_one(struct cfg_tree *tree,
				 const struct cfg_node *node)
{
	struct cfg_node *copy = cfg_node_new(tree, node->type);
	struct cfg_index *index;

	if (!copy)
		return NULL;
	index = copy->index;
	*copy = *node;
	copy->index = index;
	copy->first = NULL;
	copy->last = NULL;
	copy->next = NULL;
	copy->count = 0;
	if (node->key &&
	    cfg_node_set_key(tree, copy, node->key, node->key_len) < 0)
		return NULL;
	if (node->text) {
		copy->text = cfg_tree_strndup(tree, node->text, node->text_len);
		if (!copy->text)
			return NULL;
	}
	return copy;
}

/**
 * cfg_node_copy() - a node with all below it, from any tree into @tree
 *
 * As deep as the node is, which for what was parsed is CFG_MAX_DEPTH.
 *
 * Return: the copy, without siblings; NULL as cfg_node_new().
 */
struct cfg_node *cfg_node_copy(struct cfg_tree *tree,
			       const struct cfg_node *node)
{
	struct cfg_node *copy = copy_one(tree, node);

	if (!copy)
		return NULL;
	for (const struct cfg_node *child = node->first; child;
	     child = child->next) {
		struct cfg_node *twin = cfg_node_copy(tree, child);

		if (!twin)
			return NULL;
		cfg_node_append(copy, twin);
	}
	return copy;
}

/**
 * cfg_type_name() - for messages, with its article
 */
const char *cfg_type_name(enum cfg_type type)
{
	switch (type) {
	case CFG_NULL:
		return "null";
	case CFG_BOOL:
		return "a boolean";
	case CFG_INTEGER:
		return "an integer";
	case CFG_FLOAT:
		return "a number";
	case CFG_STRING:
		return "a string";
	case CFG_DATETIME:
		return "a date or time";
	case CFG_ARRAY:
		return "an array";
	case CFG_OBJECT:
		return "an object";
	case CFG_INVALID:
		break;
	}
	return "nothing";
}
