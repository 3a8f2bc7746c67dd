// SPDX-License-Identifier: Apache-2.0
/*
 * Fuzz target of the server of MCP: what a client says, in pieces, with a
 * toolbox that answers or does not.  The first byte says how.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <jansson.h>

#include "controller/mcp/server.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/toolbox-fake.h"

#define RESULT \
	"{\"content\":[],\"structuredContent\":{\"resources\":[]," \
	"\"contents\":[],\"error\":{\"code\":\"not_found\"}}}"

enum {
	FUZZ_BYTEWISE = 1, /* each byte alone */
	FUZZ_ANSWERS = 2,  /* calls come to an end */
	FUZZ_LATE = 4,     /* the toolbox opens after everything is said */
	FUZZ_FAILS = 8,    /* it never does */
	FUZZ_REFUSES = 16, /* it takes no call */
	FUZZ_ONLY = 32,    /* --tools */
};

const struct fuzz_protocol fuzz_protocol = {
	.name = "jsonrpc",
};

static struct event_base *base;
static unsigned int how;

static void on_changed(void *arg)
{
	(void)arg;
}

static void on_failed(void *arg, const struct err *err, const char *hint)
{
	(void)arg;
	(void)hint;
	if (err->code == ERR_NONE)
		abort();
}

/* Whatever it says is one message a line, and nothing else. */
static void check_line(const char *line, size_t len)
{
	json_t *message = json_loadb(
		line, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
	const json_t *code;

	/* An id may be a number that jansson has not. */
	if (!message)
		message = json_loadb(line, len, JSON_DECODE_INT_AS_REAL |
				     JSON_ALLOW_NUL, NULL);
	if (!message) {
		if (memchr(line, '\0', len) || line[0] != '{' ||
		    line[len - 1] != '}' || !memmem(line, len, "\"id\":", 5))
			abort();
		return;
	}
	code = json_object_get(json_object_get(message, "error"), "code");
	if (!json_is_object(message) || !json_object_get(message, "jsonrpc") ||
	    (code && json_number_value(code) >= 0))
		abort();
	if (!json_object_get(message, "id") &&
	    !json_object_get(message, "method"))
		abort();
	json_decref(message);
}

static void check_output(struct mcp_server *server)
{
	struct evbuffer *out = mcp_server_output(server);
	size_t len;
	char *line;

	while ((line = evbuffer_readln(out, &len, EVBUFFER_EOL_LF))) {
		check_line(line, len);
		free(line);
	}
	if (evbuffer_get_length(out) > 0)
		abort();
	mcp_server_written(server);
}

static void go_on(struct mcp_server *server)
{
	check_output(server);
	while (how & FUZZ_ANSWERS && fake && fake->calls) {
		if (fake->calls->ops->progress)
			fake->calls->ops->progress(fake->calls->arg, 5, 5,
						   "a line");
		fake_done(RESULT, ERR_NONE);
	}
	(void)event_base_loop(base, EVLOOP_NONBLOCK);
	check_output(server);
}

static void say(struct mcp_server *server, const uint8_t *data, size_t size)
{
	size_t piece = how & FUZZ_BYTEWISE ? 1 : size;

	for (size_t at = 0; at < size; at += piece) {
		mcp_server_input(server, (const char *)data + at, piece);
		go_on(server);
	}
}

/**
 * LLVMFuzzerTestOneInput() - what one client says
 *
 * Return: 0. Aborts where something that must hold does not.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct mcp_ops ops = { on_changed, on_failed };
	struct mcp_options options = { .args = NULL };
	struct mcp_server *server;
	struct err err = ERR_INIT;
	bool failed;

	if (!base)
		base = event_base_new();
	if (!base || size == 0)
		return 0;
	how = data[0];
	fake_refuses = how & FUZZ_REFUSES;
	options.tools = how & FUZZ_ONLY ? "read" : NULL;
	server = mcp_server_new(base, &options, &ops, NULL, &err);
	if (!server)
		abort();
	if (!(how & FUZZ_LATE) && !(how & FUZZ_FAILS))
		fake_open(FAKE_TOOLS, "a warning");
	say(server, data + 1, size - 1);
	if (how & FUZZ_FAILS)
		fake_fail("nobody is there", "look for him");
	else if (how & FUZZ_LATE)
		fake_open(FAKE_TOOLS, NULL);
	go_on(server);
	mcp_server_end(server);
	go_on(server);
	while (fake && fake->calls)
		fake_done(NULL, ERR_INTERNAL);
	go_on(server);
	/* One that was never initialized may wait for that alone. */
	if (!mcp_server_over(server, &failed))
		abort();
	mcp_server_free(server);
	(void)event_base_loop(base, EVLOOP_NONBLOCK);
	return 0;
}
