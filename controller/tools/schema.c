// SPDX-License-Identifier: Apache-2.0
/*
 * What a tool takes: one table of parameters gives the JSON Schema that a
 * model reads and the check that its arguments must pass.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "controller/tools/tool.h"

#define SHOWN_BYTES 40
#define MAX_WHOLE 9007199254740992.0 /* the last that a double tells apart */

static const struct kind {
	const char *schema; /* of JSON Schema; of an array, of its items */
	const char *text;
} kinds[] = {
	[TOOL_KIND_STRING] = { "string", "a string" },
	[TOOL_KIND_INTEGER] = { "integer", "a whole number" },
	[TOOL_KIND_NUMBER] = { "number", "a number" },
	[TOOL_KIND_BOOLEAN] = { "boolean", "true or false" },
	[TOOL_KIND_STRINGS] = { "array", "an array of strings" },
	[TOOL_KIND_MAP] = { "object", "an object of strings" },
};

static bool is_bounded(const struct tool_param *param)
{
	return param->min != 0 || param->max != 0;
}

static int set_bounds(const struct tool_param *param, json_t *schema)
{
	const bool text = param->kind == TOOL_KIND_STRING;

	if (!is_bounded(param))
		return 0;
	/* Bytes are no characters: the upper bound of a text is only checked. */
	if (text)
		return param->min < 1 ? 0 :
					json_object_set_new(schema, "minLength",
							    json_integer(1));
	if (json_object_set_new(schema, "minimum", json_real(param->min)) < 0)
		return -1;
	return json_object_set_new(schema, "maximum", json_real(param->max));
}

static int set_choices(const struct tool_param *param, json_t *schema)
{
	json_t *list = json_array();

	for (size_t i = 0; param->choices[i]; i++)
		if (json_array_append_new(list,
					  json_string(param->choices[i])) < 0) {
			json_decref(list);
			return -1;
		}
	return json_object_set_new(schema, "enum", list);
}

static json_t *describe_param(const struct tool_param *param)
{
	json_t *schema = json_pack("{s:s, s:s}", "type",
				   kinds[param->kind].schema, "description",
				   param->help);
	int ret = schema ? set_bounds(param, schema) : -1;

	if (ret == 0 && param->choices)
		ret = set_choices(param, schema);
	if (ret == 0 && param->kind == TOOL_KIND_STRINGS)
		ret = json_object_set_new(schema, "items",
					  json_pack("{s:s}", "type", "string"));
	if (ret == 0 && param->kind == TOOL_KIND_MAP)
		ret = json_object_set_new(schema, "additionalProperties",
					  json_pack("{s:s}", "type", "string"));
	if (ret == 0)
		return schema;
	json_decref(schema);
	return NULL;
}

/**
 * tool_schema() - its arguments as JSON Schema
 *
 * Return: a new reference, or NULL without memory.
 */
json_t *tool_schema(const struct tool *tool)
{
	json_t *properties = json_object(), *required = json_array();
	int ret = 0;

	for (const struct tool_param *p = tool->params; p->name && !ret; p++) {
		ret = json_object_set_new(properties, p->name,
					  describe_param(p));
		if (ret == 0 && p->required)
			ret = json_array_append_new(required,
						    json_string(p->name));
	}
	if (ret == 0)
		return json_pack("{s:s, s:o, s:o, s:b}", "type", "object",
				 "properties", properties, "required", required,
				 "additionalProperties", 0);
	json_decref(properties);
	json_decref(required);
	return NULL;
}

/**
 * tool_describe() - as an entry of MCP's tools/list
 *
 * Return: a new reference, or NULL without memory.
 */
json_t *tool_describe(const struct tool *tool)
{
	const unsigned int flags = tool->flags;

	return json_pack("{s:s, s:s, s:s, s:o, s:{s:s, s:b, s:b, s:b, s:b}}",
			 "name", tool->name, "title", tool->title,
			 "description", tool->help, "inputSchema",
			 tool_schema(tool), "annotations", "title", tool->title,
			 "readOnlyHint", (flags & TOOL_READ_ONLY) != 0,
			 "destructiveHint", (flags & TOOL_DESTRUCTIVE) != 0,
			 "idempotentHint", (flags & TOOL_IDEMPOTENT) != 0,
			 "openWorldHint", (flags & TOOL_OPEN_WORLD) != 0);
}

/**
 * tool_type_name() - what a value is, with its article
 */
const char *tool_type_name(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return "an object";
	case JSON_ARRAY:
		return "an array";
	case JSON_STRING:
		return "a string";
	case JSON_INTEGER:
	case JSON_REAL:
		return "a number";
	case JSON_TRUE:
	case JSON_FALSE:
		return "a boolean";
	case JSON_NULL:
		break;
	}
	return "null";
}

static int refuse(const struct tool *tool, const struct tool_param *param,
		  const char *what, struct err *err)
{
	return err_set(err, ERR_BAD_REQUEST, 0, "%s: %s: expected %s, got %s",
		       tool->name, param->name, kinds[param->kind].text, what);
}

static bool has_nul(const json_t *text)
{
	return memchr(json_string_value(text), 0, json_string_length(text));
}

static int check_choice(const struct tool *tool, const struct tool_param *param,
			const char *text, struct err *err)
{
	char list[96] = "";

	for (size_t i = 0; param->choices[i]; i++) {
		size_t used = strlen(list);

		if (strcmp(param->choices[i], text) == 0)
			return 0;
		(void)snprintf(list + used, sizeof(list) - used, "%s%s",
			       i ? ", " : "", param->choices[i]);
	}
	return err_set(err, ERR_BAD_REQUEST, 0,
		       "%s: %s: expected one of %s, got \"%.20s\"", tool->name,
		       param->name, list, text);
}

static int check_text(const struct tool *tool, const struct tool_param *param,
		      const json_t *text, struct err *err)
{
	const size_t len = json_string_length(text);

	if (!param->nul && has_nul(text))
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "%s: %s: expected text without NUL, got one",
			       tool->name, param->name);
	if (is_bounded(param) && param->max > 0 && (double)len > param->max)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "%s: %s: expected at most %.0f bytes, got %zu",
			       tool->name, param->name, param->max, len);
	if (is_bounded(param) && (double)len < param->min)
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "%s: %s: expected at least %.0f bytes, got %zu",
			       tool->name, param->name, param->min, len);
	if (param->choices)
		return check_choice(tool, param, json_string_value(text), err);
	return 0;
}

static bool is_whole(double value)
{
	return value >= -MAX_WHOLE && value <= MAX_WHOLE &&
	       (double)(int64_t)value == value;
}

/* A number without a fraction is whole, however it is written. */
static int check_number(const struct tool *tool, const struct tool_param *param,
			const json_t *number, struct err *err)
{
	const double value = json_number_value(number);

	if (param->kind == TOOL_KIND_INTEGER && !is_whole(value))
		return refuse(tool, param, "a fraction, or too much", err);
	if (!is_bounded(param) ||
	    (value >= param->min && value <= param->max))
		return 0;
	return err_set(err, ERR_BAD_REQUEST, 0,
		       "%s: %s: expected %s from %.10g to %.10g, got %.10g",
		       tool->name, param->name, kinds[param->kind].text,
		       param->min, param->max, value);
}

static int check_strings(const struct tool *tool,
			 const struct tool_param *param, const json_t *list,
			 struct err *err)
{
	size_t index;
	json_t *item;

	json_array_foreach(list, index, item) {
		if (!json_is_string(item))
			return refuse(tool, param, tool_type_name(item), err);
		if (check_text(tool, param, item, err) < 0)
			return -1;
	}
	return 0;
}

static int check_map(const struct tool *tool, const struct tool_param *param,
		     json_t *map, struct err *err)
{
	const char *key;
	json_t *item;

	json_object_foreach(map, key, item) {
		if (!json_is_string(item))
			return refuse(tool, param, tool_type_name(item), err);
		if (check_text(tool, param, item, err) < 0)
			return -1;
	}
	return 0;
}

static int check_value(const struct tool *tool, const struct tool_param *param,
		       json_t *value, struct err *err)
{
	switch (param->kind) {
	case TOOL_KIND_STRING:
		return json_is_string(value) ?
			       check_text(tool, param, value, err) :
			       refuse(tool, param, tool_type_name(value), err);
	case TOOL_KIND_INTEGER:
	case TOOL_KIND_NUMBER:
		return json_is_number(value) ?
			       check_number(tool, param, value, err) :
			       refuse(tool, param, tool_type_name(value), err);
	case TOOL_KIND_BOOLEAN:
		return json_is_boolean(value) ?
			       0 :
			       refuse(tool, param, tool_type_name(value), err);
	case TOOL_KIND_STRINGS:
		return json_is_array(value) ?
			       check_strings(tool, param, value, err) :
			       refuse(tool, param, tool_type_name(value), err);
	case TOOL_KIND_MAP:
		return json_is_object(value) ?
			       check_map(tool, param, value, err) :
			       refuse(tool, param, tool_type_name(value), err);
	case TOOL_KIND_INVALID:
		break;
	}
	return err_set(err, ERR_INTERNAL, 0, "%s: %s: of no kind", tool->name,
		       param->name);
}

static const struct tool_param *find_param(const struct tool *tool,
					   const char *name)
{
	for (const struct tool_param *p = tool->params; p->name; p++)
		if (strcmp(p->name, name) == 0 ||
		    (p->alias && strcmp(p->alias, name) == 0))
			return p;
	return NULL;
}

/* Members by their own names; a null is what is not given. */
static int fold_names(const struct tool *tool, json_t *args, struct err *err)
{
	const char *name;
	json_t *value;
	void *next;

	json_object_foreach_safe(args, next, name, value) {
		const struct tool_param *param = find_param(tool, name);

		if (!param)
			return err_set(err, ERR_BAD_REQUEST, 0,
				       "%s: %.*s: there is no such argument",
				       tool->name, SHOWN_BYTES, name);
		if (json_is_null(value)) {
			(void)json_object_del(args, name);
			continue;
		}
		if (strcmp(param->name, name) == 0)
			continue;
		if (json_object_get(args, param->name))
			return err_set(err, ERR_BAD_REQUEST, 0,
				       "%s: %s: given twice, as %.*s too",
				       tool->name, param->name, SHOWN_BYTES,
				       name);
		if (json_object_set(args, param->name, value) < 0)
			return err_set(err, ERR_KERNEL, ENOMEM, "arguments");
		(void)json_object_del(args, name);
	}
	return 0;
}

/**
 * tool_check_args() - are these arguments of this tool?
 * @args: an object; aliases become the names that they stand for, nulls go
 *
 * Return: 0, or -1 and which one is wrong, what was expected and what came.
 */
int tool_check_args(const struct tool *tool, json_t *args, struct err *err)
{
	if (fold_names(tool, args, err) < 0)
		return -1;
	for (const struct tool_param *p = tool->params; p->name; p++) {
		json_t *value = json_object_get(args, p->name);

		if (!value && p->required)
			return refuse(tool, p, "nothing", err);
		if (value && check_value(tool, p, value, err) < 0)
			return -1;
	}
	return 0;
}
