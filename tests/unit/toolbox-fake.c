// SPDX-License-Identifier: Apache-2.0
/*
 * The fake keeps calls until it is told how they end.
 */
#include <config.h>

#include "tests/unit/toolbox-fake.h"

#include <stdlib.h>
#include <string.h>

struct toolbox *fake;
bool fake_opens = true;
bool fake_refuses;

struct toolbox *toolbox_open(struct event_base *base,
			     const struct cli_args *args,
			     const struct toolbox_ops *ops, void *arg,
			     struct err *err)
{
	(void)base;
	(void)args;
	if (!fake_opens) {
		(void)err_set(err, ERR_DENIED, 0, "toolbox: not today");
		return NULL;
	}
	fake = calloc(1, sizeof(*fake));
	if (!fake)
		abort();
	fake->ops = ops;
	fake->arg = arg;
	return fake;
}

static void free_call(struct toolbox_call *call)
{
	free(call->name);
	free(call->args);
	free(call);
}

void toolbox_close(struct toolbox *toolbox)
{
	struct toolbox_call *call;

	while ((call = toolbox->calls)) {
		toolbox->calls = call->next;
		free_call(call);
	}
	if (toolbox == fake)
		fake = NULL;
	free(toolbox);
}

struct toolbox_call *toolbox_call(struct toolbox *toolbox,
				  const struct toolbox_ask *ask,
				  const struct toolbox_call_ops *ops, void *arg,
				  struct err *err)
{
	struct toolbox_call **end = &toolbox->calls;
	struct toolbox_call *call;

	if (fake_refuses) {
		(void)err_set(err, ERR_BAD_REQUEST, 0, "%.32s: refused",
			      ask->name);
		return NULL;
	}
	call = calloc(1, sizeof(*call));
	if (!call)
		abort();
	call->name = strdup(ask->name);
	call->args = strndup(ask->args, ask->len);
	if (!call->name || !call->args)
		abort();
	call->ops = ops;
	call->arg = arg;
	while (*end)
		end = &(*end)->next;
	*end = call;
	return call;
}

void toolbox_cancel(struct toolbox_call *call)
{
	call->cancelled = true;
}

/**
 * fake_open() - it is open, or has other tools
 */
void fake_open(const char *tools, const char *warning)
{
	const struct toolbox_info info = {
		.session = "agent:main:main", .agent = "main",
		.workdir = "/workspace", .sandboxed = true, .network = "none",
		.tools = tools, .tools_len = strlen(tools),
		.warnings = &warning, .n_warnings = warning ? 1 : 0,
	};

	fake->ops->opened(fake->arg, &info);
}

/**
 * fake_fail() - it cannot be had
 */
void fake_fail(const char *text, const char *hint)
{
	struct err err = ERR_INIT;

	(void)err_set(&err, ERR_UNSUPPORTED, 0, "%s", text);
	fake->ops->failed(fake->arg, &err, hint, 1);
}

/**
 * fake_done() - the oldest call is over
 */
void fake_done(const char *json, enum err_code code)
{
	struct toolbox_call *call = fake->calls;
	struct err err = ERR_INIT;

	if (!json)
		(void)err_set(&err, code, 0, "%.32s: failed", call->name);
	fake->calls = call->next;
	call->ops->done(call->arg, json, json ? strlen(json) : 0, false, &err);
	free_call(call);
}
