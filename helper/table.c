// SPDX-License-Identifier: Apache-2.0
/*
 * Sandboxes by index, and the descriptors that a controller asked to keep for
 * the next one. Fixed size; owns descriptors; talks to nobody.
 */
#include <config.h>

#include "helper/table.h"

#include <string.h>

#include "proto/cleanup.h"

/**
 * hlp_table_init() - an empty table
 * @table:   zeroed memory
 * @n_slots: how many may be used at once
 */
void hlp_table_init(struct hlp_table *table, uint32_t n_slots)
{
	table->n_slots = n_slots < HLP_TABLE_SLOTS ? n_slots : HLP_TABLE_SLOTS;
	table->high = 0;
	table->n_kept = 0;
}

/**
 * hlp_table_take() - find a free slot
 *
 * Its members are reset; the caller sets the state, which makes it taken.
 * Return: its index or HLP_NO_SLOT.
 */
uint32_t hlp_table_take(struct hlp_table *table)
{
	for (uint32_t i = 0; i < table->n_slots; i++) {
		struct hlp_slot *slot = &table->slots[i];

		if (i < table->high && slot->state != HLP_SLOT_FREE)
			continue;
		if (i >= table->high)
			table->high = i + 1;
		memset(slot, 0, sizeof(*slot));
		slot->control_fd = -1;
		slot->cgroup_fd = -1;
		table->texts[i].label_len = 0;
		return i;
	}
	return HLP_NO_SLOT;
}

static void kept_release(struct hlp_kept *kept)
{
	fd_close(&kept->fd);
	kept->slot = HLP_NO_SLOT;
	kept->tell = false;
}

/**
 * hlp_table_release() - close what a slot owns and make it free
 */
void hlp_table_release(struct hlp_table *table, uint32_t slot)
{
	fd_close(&table->slots[slot].control_fd);
	fd_close(&table->slots[slot].cgroup_fd);
	for (uint32_t i = 0; i < table->n_kept; i++)
		if (table->kept[i].slot == slot)
			kept_release(&table->kept[i]);
	table->slots[slot].state = HLP_SLOT_FREE;
	table->slots[slot].tell = 0;
}

/**
 * hlp_table_find() - look a running sandbox up
 * @id: WIRE_ID_BYTES from the controller
 *
 * Only ids that the controller was told, or will be, are found.
 * Return: its index or HLP_NO_SLOT.
 */
uint32_t hlp_table_find(const struct hlp_table *table, const uint8_t *id)
{
	for (uint32_t i = 0; i < table->high; i++)
		if (table->slots[i].state == HLP_SLOT_RUNNING &&
		    !table->slots[i].gone &&
		    !memcmp(table->slots[i].id, id, WIRE_ID_BYTES))
			return i;
	return HLP_NO_SLOT;
}

/**
 * hlp_table_count() - slots in use
 * @pool: count the prefabricated ones, else all others
 */
uint32_t hlp_table_count(const struct hlp_table *table, bool pool)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < table->high; i++)
		if (table->slots[i].state != HLP_SLOT_FREE &&
		    (table->slots[i].state == HLP_SLOT_POOL) == pool)
			count++;
	return count;
}

/**
 * hlp_table_keep() - keep a descriptor for the next controller
 * @fd: taken over on success
 *
 * Return: 0, or -1 with LIMIT or, for a token that is there, BAD_STATE.
 */
int hlp_table_keep(struct hlp_table *table, uint32_t slot, const uint8_t *token,
		   int fd, struct err *err)
{
	struct hlp_kept *entry = NULL;
	uint32_t count = 0;

	for (uint32_t i = 0; i < table->n_kept; i++) {
		struct hlp_kept *kept = &table->kept[i];

		if (kept->slot == HLP_NO_SLOT)
			entry = entry ? entry : kept;
		if (kept->slot != slot)
			continue;
		count++;
		if (!memcmp(kept->token, token, WIRE_ID_BYTES))
			return err_set(err, ERR_BAD_STATE, 0,
				       "that token is kept already");
	}
	if (!entry && table->n_kept < HLP_KEPT_MAX)
		entry = &table->kept[table->n_kept++];
	if (!entry || count >= HLP_KEPT_MAX_SLOT) {
		if (entry)
			entry->slot = HLP_NO_SLOT;
		return err_set(err, ERR_LIMIT, 0,
			       "too many descriptors are kept");
	}
	entry->slot = slot;
	entry->fd = fd;
	entry->tell = false;
	memcpy(entry->token, token, WIRE_ID_BYTES);
	return 0;
}

/**
 * hlp_table_drop() - close a kept descriptor
 *
 * Return: 0, or -1 where there is none.
 */
int hlp_table_drop(struct hlp_table *table, uint32_t slot, const uint8_t *token)
{
	for (uint32_t i = 0; i < table->n_kept; i++) {
		struct hlp_kept *kept = &table->kept[i];

		if (kept->slot != slot ||
		    memcmp(kept->token, token, WIRE_ID_BYTES) != 0)
			continue;
		kept_release(kept);
		return 0;
	}
	return -1;
}
