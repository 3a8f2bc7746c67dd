// SPDX-License-Identifier: Apache-2.0
/*
 * One call at a time; its result is read back as a client would.
 */
#include <config.h>

#include "tests/unit/tool-once.h"

#include <stdlib.h>

#include "controller/tools/tools.h"
#include "tests/unit/runner.h"

static const struct tool *tool;
static const struct tool_backend *backend;
static struct cfg cfg;
static struct pol_session session;
static struct tool_env env;
static json_t *result;
static int ends;

/**
 * once_begin() - calls are of @tool, and their requests go to @backend
 */
void once_begin(const struct tool *of, const struct tool_backend *to)
{
	static struct cfg_node root = { .type = CFG_OBJECT };

	tool = of;
	backend = to;
	cfg = (struct cfg){ .root = &root };
	session = (struct pol_session){ .cfg = &cfg, .key = "agent:main:main" };
	env = (struct tool_env){ .session = &session,
				 .sandboxed = true,
				 .root = "/workspace",
				 .confined = true };
	result = NULL;
	ends = 0;
}

/**
 * once_end() - forget the last result
 */
void once_end(void)
{
	json_decref(result);
	result = NULL;
	ends = 0;
}

static void on_done(struct tool_call *call, void *arg)
{
	size_t len;
	char *text = tool_result_json(call, &len);

	(void)arg;
	ck_assert_ptr_nonnull(text);
	result = json_loadb(text, len, JSON_ALLOW_NUL, NULL);
	ck_assert_ptr_nonnull(result);
	free(text);
	ends++;
}

/**
 * once_call() - see tool-once.h
 */
int once_call(const char *text, struct err *err)
{
	json_t *args = json_loads(text, JSON_ALLOW_NUL, NULL);
	struct tool_call *call;

	once_end();
	ck_assert_ptr_nonnull(args);
	call = tool_call_new(tool, &env, args, err);
	if (!call)
		return -1;
	call->backend = backend;
	call->done = on_done;
	tool_start(call);
	ck_assert_int_eq(ends, 1);
	tool_call_free(call);
	return 0;
}

/**
 * once_run() - see tool-once.h
 */
void once_run(const char *args)
{
	struct err err = ERR_INIT;

	ck_assert_msg(once_call(args, &err) == 0, "%s", err.text);
}

/**
 * once_is_error() - what the last call ended with
 */
bool once_is_error(void)
{
	const json_t *is = json_object_get(result, "isError");

	ck_assert(json_is_boolean(is));
	return json_is_true(is);
}

/**
 * once_text() - for the model
 */
const char *once_text(void)
{
	return json_string_value(json_object_get(
		json_array_get(json_object_get(result, "content"), 0), "text"));
}

/**
 * once_member() - of the structured content
 */
const json_t *once_member(const char *name)
{
	return json_object_get(json_object_get(result, "structuredContent"),
			       name);
}
