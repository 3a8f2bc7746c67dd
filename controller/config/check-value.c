// SPDX-License-Identifier: Apache-2.0
/*
 * One value against its row.
 */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "controller/config/check.h"
#include "controller/config/value.h"

#define MAX_CHOICES 16

/**
 * cfg_kind_expects() - what a value of a kind looks like
 */
const char *cfg_kind_expects(enum cfg_kind kind)
{
	switch (kind) {
	case CFG_KIND_BOOL:
		return "true or false";
	case CFG_KIND_INTEGER:
		return "an integer";
	case CFG_KIND_NUMBER:
		return "a number";
	case CFG_KIND_STRING:
		return "a string";
	case CFG_KIND_ENUM:
		return "one of its choices";
	case CFG_KIND_SIZE:
		return "a size such as 512m, 1g or a number of bytes";
	case CFG_KIND_BYTES:
		return "a size such as 64KB, 2MiB or a number of bytes";
	case CFG_KIND_DURATION:
		return "a time such as 30, 30s, 5m or 2h";
	case CFG_KIND_PATH:
		return "a path that begins with / or ~/";
	case CFG_KIND_PATH_LIST:
		return "an array of paths";
	case CFG_KIND_TARGET:
		return "an absolute path inside";
	case CFG_KIND_STRINGS:
		return "an array of strings";
	case CFG_KIND_STRING_OR_STRINGS:
		return "a string or an array of strings";
	case CFG_KIND_MAP:
		return "an object of strings";
	case CFG_KIND_ULIMITS:
		return "an object of limits";
	case CFG_KIND_BIND_LIST:
		return "an array of SOURCE:TARGET or SOURCE:TARGET:MODE";
	case CFG_KIND_TMPFS_LIST:
		return "an array of PATH or PATH:OPTIONS";
	case CFG_KIND_HOST_LIST:
		return "an array of NAME:ADDRESS";
	case CFG_KIND_ADDRESS_LIST:
		return "an array of addresses";
	case CFG_KIND_CAP_LIST:
		return "an array of capabilities";
	case CFG_KIND_NAME:
		return "at most 62 letters, digits, _ . and -";
	case CFG_KIND_USER:
		return "UID, UID:GID or a user's name";
	case CFG_KIND_PROTECT_LIST:
		return "an array of PATH, !PATH or !*";
	case CFG_KIND_PORT_LIST:
		return "an array of port numbers";
	case CFG_KIND_LISTS:
		return "an object of arrays of strings";
	case CFG_KIND_OPEN:
		return "an object";
	case CFG_KIND_INVALID:
		break;
	}
	return "nothing";
}

/* Adds the problem that @why tells of. */
static void add_why(const struct cfg_check *check, const struct cfg_step *step,
		    const struct cfg_why *why)
{
	char path[CFG_PATH_BYTES];

	if (why->found[0]) {
		cfg_step_text(step, path);
		cfg_problem_add(check->problems, &step->node->pos,
				"%s: expected %s, not \"%s\"", path, why->text,
				why->found);
	} else {
		cfg_check_expected(check, step, why->text);
	}
	if (why->hint[0])
		cfg_problem_hint(check->problems, "%s", why->hint);
}

static void check_range(const struct cfg_check *check,
			const struct cfg_key *key,
			const struct cfg_step *step)
{
	bool whole = key->kind == CFG_KIND_INTEGER;
	double value = step->node->type == CFG_INTEGER ?
			       (double)step->node->integer :
			       step->node->real;
	char text[96];

	if (key->max <= key->min || (value >= key->min && value <= key->max))
		return;
	(void)snprintf(text, sizeof(text), "%s from %.12g to %.12g",
		       whole ? "an integer" : "a number", key->min, key->max);
	cfg_check_expected(check, step, text);
}

static void check_number(const struct cfg_check *check,
			 const struct cfg_key *key,
			 const struct cfg_step *step)
{
	enum cfg_type type = step->node->type;

	if (type == CFG_INTEGER ||
	    (type == CFG_FLOAT && key->kind == CFG_KIND_NUMBER))
		check_range(check, key, step);
	else
		cfg_check_expected(check, step, cfg_kind_expects(key->kind));
}

static void check_enum(const struct cfg_check *check,
		       const struct cfg_key *key, const struct cfg_step *step)
{
	const struct cfg_node *node = step->node;
	struct cfg_why why = { .text = "" };
	size_t count = 0;
	size_t used = 0;

	while (key->choices[count])
		count++;
	for (size_t i = 0; i < count; i++)
		if (cfg_is_text(node) &&
		    strcmp(node->text, key->choices[i]) == 0)
			return;
	for (size_t i = 0; i < count; i++)
		used += (size_t)snprintf(why.text + used,
					 sizeof(why.text) - used, "%s%s",
					 i == 0		? "" :
					 i == count - 1 ? " or " :
							  ", ",
					 key->choices[i]);
	if (cfg_is_text(node))
		cfg_why_nearest(&why, node->text, key->choices, count);
	add_why(check, step, &why);
}

static int read_scalar(enum cfg_kind kind, const struct cfg_node *node,
		       struct cfg_why *why)
{
	uint64_t value;

	if (kind == CFG_KIND_SIZE)
		return cfg_value_size(node, &value);
	if (kind == CFG_KIND_BYTES)
		return cfg_value_bytes(node, &value) < 0 || value == 0 ? -1 : 0;
	if (kind == CFG_KIND_DURATION)
		return cfg_value_duration(node, &value);
	if (kind == CFG_KIND_PATH)
		return cfg_read_path(node, why);
	if (!cfg_is_text(node))
		return -1;
	if (kind == CFG_KIND_TARGET)
		return cfg_read_target(node->text, why);
	if (kind == CFG_KIND_NAME)
		return cfg_read_name(node->text, why);
	if (kind == CFG_KIND_USER)
		return cfg_read_user(node->text, why);
	return 0;
}

static void check_scalar(const struct cfg_check *check,
			 const struct cfg_key *key,
			 const struct cfg_step *step)
{
	const struct cfg_node *node = step->node;
	struct cfg_why why = { .text = "" };
	uint64_t value;

	/* A least value below nothing stands for "unlimited". */
	if (key->kind == CFG_KIND_SIZE && key->min < 0 &&
	    cfg_value_swap(node, &value) == 0)
		return;
	if (read_scalar(key->kind, node, &why) < 0) {
		if (!why.text[0])
			cfg_why_set(&why, "%s", cfg_kind_expects(key->kind));
		add_why(check, step, &why);
		return;
	}
	if (key->kind == CFG_KIND_DURATION &&
	    cfg_value_duration(node, &value) == 0 &&
	    ((double)value < key->min || (double)value > key->max))
		cfg_check_expected(check, step, "a time from 1s to 24h");
}

static int read_item(const struct cfg_check *check, enum cfg_kind kind,
		     const struct cfg_node *node, struct cfg_why *why)
{
	union {
		struct cfg_bind bind;
		struct cfg_tmpfs tmpfs;
		struct cfg_host host;
	} out;

	if (kind == CFG_KIND_BIND_LIST)
		return cfg_read_bind(check->mem, node, NULL, &out.bind, why);
	if (kind == CFG_KIND_TMPFS_LIST)
		return cfg_read_tmpfs(check->mem, node, &out.tmpfs, why);
	if (kind == CFG_KIND_HOST_LIST)
		return cfg_read_host(check->mem, node, &out.host, why);
	if (kind == CFG_KIND_PATH_LIST)
		return cfg_read_path(node, why);
	if (kind == CFG_KIND_PORT_LIST)
		return node->type == CFG_INTEGER && node->integer > 0 &&
				       node->integer < 65536 ?
			       0 :
			       cfg_why_set(why, "a port from 1 to 65535");
	if (!cfg_is_text(node))
		return cfg_why_set(why, "a string");
	if (kind == CFG_KIND_ADDRESS_LIST)
		return cfg_read_address(node->text, why);
	if (kind == CFG_KIND_CAP_LIST)
		return cfg_read_cap(node->text, why);
	if (kind == CFG_KIND_PROTECT_LIST)
		return cfg_read_protect(node->text, why);
	return 0;
}

static void check_list(const struct cfg_check *check,
		       const struct cfg_key *key, const struct cfg_step *step)
{
	struct cfg_step item = { .up = step };

	if (key->kind == CFG_KIND_STRING_OR_STRINGS &&
	    cfg_is_text(step->node))
		return;
	if (step->node->type != CFG_ARRAY) {
		cfg_check_expected(check, step, cfg_kind_expects(key->kind));
		return;
	}
	for (item.node = step->node->first; item.node;
	     item.node = item.node->next, item.index++) {
		struct cfg_why why = { .text = "" };

		if (read_item(check, key->kind, item.node, &why) < 0)
			add_why(check, &item, &why);
	}
}

static void check_senders(const struct cfg_check *check,
			  const struct cfg_step *step)
{
	struct cfg_step item = { .up = step };

	if (step->node->type != CFG_ARRAY) {
		cfg_check_expected(check, step, "an array of senders");
		return;
	}
	for (item.node = step->node->first; item.node;
	     item.node = item.node->next, item.index++)
		if (!cfg_is_text(item.node) && item.node->type != CFG_INTEGER)
			cfg_check_expected(check, &item,
					   "a string or an integer");
}

/* A variable's name and value, as execve(2) takes them. */
static void check_variable(const struct cfg_check *check,
			   const struct cfg_step *step)
{
	const struct cfg_node *node = step->node;
	char path[CFG_PATH_BYTES];

	if (node->key_len == 0 || strlen(node->key) != node->key_len ||
	    strchr(node->key, '=')) {
		cfg_step_text(step, path);
		cfg_problem_add(check->problems, &node->key_pos,
				"%s: expected the name of a variable", path);
	}
	if (node->type != CFG_INTEGER && node->type != CFG_FLOAT &&
	    node->type != CFG_BOOL && !cfg_is_text(node))
		cfg_check_expected(check, step, "a string");
}

static void check_limit(const struct cfg_check *check,
			const struct cfg_step *step)
{
	struct cfg_why why = { .text = "" };
	struct cfg_ulimit limit;
	char path[CFG_PATH_BYTES];

	if (cfg_read_ulimit(step->node, &limit, &why) == 0)
		return;
	if (limit.name) {
		add_why(check, step, &why);
		return;
	}
	cfg_step_text(step, path);
	cfg_problem_add(check->problems, &step->node->key_pos,
			"%s: expected %s", path, why.text);
	if (why.hint[0])
		cfg_problem_hint(check->problems, "%s", why.hint);
}

static void check_map(const struct cfg_check *check, const struct cfg_key *key,
		      const struct cfg_step *step)
{
	struct cfg_step item = { .up = step };

	if (step->node->type != CFG_OBJECT) {
		cfg_check_expected(check, step, cfg_kind_expects(key->kind));
		return;
	}
	for (item.node = step->node->first; item.node;
	     item.node = item.node->next) {
		if (item.node->type == CFG_NULL)
			continue;
		if (key->kind == CFG_KIND_LISTS)
			check_senders(check, &item);
		else if (key->kind == CFG_KIND_ULIMITS)
			check_limit(check, &item);
		else if (key->kind == CFG_KIND_MAP)
			check_variable(check, &item);
	}
}

/**
 * cfg_check_value() - one value against its row
 * @step: leads to the value, which is not null
 */
void cfg_check_value(const struct cfg_check *check, const struct cfg_key *key,
		     const struct cfg_step *step)
{
	switch (key->kind) {
	case CFG_KIND_BOOL:
		if (step->node->type != CFG_BOOL)
			cfg_check_expected(check, step,
					   cfg_kind_expects(key->kind));
		return;
	case CFG_KIND_INTEGER:
	case CFG_KIND_NUMBER:
		check_number(check, key, step);
		return;
	case CFG_KIND_ENUM:
		check_enum(check, key, step);
		return;
	case CFG_KIND_STRING:
	case CFG_KIND_SIZE:
	case CFG_KIND_BYTES:
	case CFG_KIND_DURATION:
	case CFG_KIND_PATH:
	case CFG_KIND_TARGET:
	case CFG_KIND_NAME:
	case CFG_KIND_USER:
		check_scalar(check, key, step);
		return;
	case CFG_KIND_PATH_LIST:
	case CFG_KIND_STRINGS:
	case CFG_KIND_STRING_OR_STRINGS:
	case CFG_KIND_BIND_LIST:
	case CFG_KIND_TMPFS_LIST:
	case CFG_KIND_HOST_LIST:
	case CFG_KIND_ADDRESS_LIST:
	case CFG_KIND_CAP_LIST:
	case CFG_KIND_PROTECT_LIST:
	case CFG_KIND_PORT_LIST:
		check_list(check, key, step);
		return;
	case CFG_KIND_MAP:
	case CFG_KIND_ULIMITS:
	case CFG_KIND_LISTS:
	case CFG_KIND_OPEN:
		check_map(check, key, step);
		return;
	case CFG_KIND_INVALID:
		return;
	}
}
