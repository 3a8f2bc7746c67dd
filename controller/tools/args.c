// SPDX-License-Identifier: Apache-2.0
/*
 * Arguments of a call, which are checked already.
 */
#include <config.h>

#include "controller/tools/tool.h"

/**
 * tool_arg_string() - borrowed from the call
 */
const char *tool_arg_string(const struct tool_call *call, const char *name,
			    const char *fallback)
{
	const json_t *value = json_object_get(call->args, name);

	return value ? json_string_value(value) : fallback;
}

/**
 * tool_arg_length() - of a string, in bytes; it may hold NULs
 */
size_t tool_arg_length(const struct tool_call *call, const char *name)
{
	return json_string_length(json_object_get(call->args, name));
}

/**
 * tool_arg_bool() - @fallback where it is not given
 */
bool tool_arg_bool(const struct tool_call *call, const char *name,
		   bool fallback)
{
	const json_t *value = json_object_get(call->args, name);

	return value ? json_is_true(value) : fallback;
}

/**
 * tool_arg_number() - @fallback where it is not given
 */
double tool_arg_number(const struct tool_call *call, const char *name,
		       double fallback)
{
	const json_t *value = json_object_get(call->args, name);

	return value ? json_number_value(value) : fallback;
}

/**
 * tool_arg_given() - was it?
 */
bool tool_arg_given(const struct tool_call *call, const char *name)
{
	return json_object_get(call->args, name) != NULL;
}
