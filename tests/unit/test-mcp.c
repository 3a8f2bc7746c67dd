// SPDX-License-Identifier: Apache-2.0
/*
 * The server of MCP over a toolbox that the test plays.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <jansson.h>

#include "controller/mcp/lines.h"
#include "controller/mcp/serve.h"
#include "controller/mcp/server.h"
#include "proto/cleanup.h"
#include "tests/unit/runner.h"
#include "tests/unit/toolbox-fake.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define HELLO(id) \
	"{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"initialize\"," \
	"\"params\":{\"protocolVersion\":\"2025-06-18\",\"capabilities\":{}," \
	"\"clientInfo\":{\"name\":\"t\",\"version\":\"1\"}}}\n"
#define CALL(id, name, more) \
	"{\"jsonrpc\":\"2.0\",\"id\":" id ",\"method\":\"tools/call\"," \
	"\"params\":{\"name\":\"" name "\"" more "}}\n"
#define RESULT "{\"content\":[]}"

static struct event_base *base;
static struct mcp_server *server;
static unsigned int n_failed;

static void on_changed(void *arg)
{
	(void)arg;
}

static void on_failed(void *arg, const struct err *err, const char *hint)
{
	(void)arg;
	(void)err;
	(void)hint;
	n_failed++;
}

static void start(const char *tools)
{
	static const struct mcp_ops ops = { on_changed, on_failed };
	const struct mcp_options options = { .args = NULL, .tools = tools };
	struct err err = ERR_INIT;

	n_failed = 0;
	base = event_base_new();
	server = mcp_server_new(base, &options, &ops, NULL, &err);
	ck_assert_ptr_nonnull(server);
}

static void stop(void)
{
	mcp_server_free(server);
	event_base_free(base);
	fake_opens = true;
	fake_refuses = false;
}

static void loop(void)
{
	(void)event_base_loop(base, EVLOOP_NONBLOCK);
}

static void say(const char *text)
{
	mcp_server_input(server, text, strlen(text));
	loop();
}

/* The next line, owned by this function until the next. */
static const char *heard(void)
{
	static char *line;

	free(line);
	line = evbuffer_readln(mcp_server_output(server), NULL,
			       EVBUFFER_EOL_LF);
	mcp_server_written(server);
	return line ? line : "";
}

static void ready(void)
{
	start(NULL);
	fake_open(FAKE_TOOLS, NULL);
	say(HELLO("0"));
	ck_assert_ptr_nonnull(strstr(heard(), "2025-06-18"));
}

START_TEST(test_lines_pieces_of_any_size_are_the_same_lines)
{
	static const char text[] = "one\n\ntwo\r\n\nlast";
	static const char *const wanted[] = { "one", "", "two\r", "", "last" };

	for (size_t piece = 1; piece < sizeof(text); piece++) {
		struct mcp_lines lines = { .bytes = NULL };
		enum mcp_line got = MCP_LINE_GOT;
		size_t n = 0;
		size_t at = 0;
		char *line;
		size_t len;

		while (got != MCP_LINE_NONE || at < sizeof(text) - 1) {
			size_t more = sizeof(text) - 1 - at;

			more = more < piece ? more : piece;
			ck_assert_int_eq(
				mcp_lines_add(&lines, text + at, more), 0);
			at += more;
			if (at == sizeof(text) - 1)
				mcp_lines_end(&lines);
			got = mcp_lines_next(&lines, &line, &len);
			if (got != MCP_LINE_GOT)
				continue;
			ck_assert_uint_lt(n, COUNT(wanted));
			ck_assert_uint_eq(len, strlen(wanted[n]));
			ck_assert(memcmp(line, wanted[n++], len) == 0);
		}
		ck_assert_uint_eq(n, COUNT(wanted));
		mcp_lines_fini(&lines);
	}
}
END_TEST

START_TEST(test_lines_too_long_is_told_once_and_not_kept)
{
	struct mcp_lines lines = { .bytes = NULL };
	auto_free char *chunk = malloc(65536);
	size_t most = 0;
	char *line;
	size_t len;

	ck_assert_ptr_nonnull(chunk);
	memset(chunk, 'x', 65536);
	for (size_t i = 0; i < 1000; i++) {
		ck_assert_int_eq(mcp_lines_add(&lines, chunk, 65536), 0);
		ck_assert_int_eq(mcp_lines_next(&lines, &line, &len),
				 MCP_LINE_NONE);
		most = lines.size > most ? lines.size : most;
	}
	ck_assert_uint_le(most, 2 * MCP_LINE_MAX_BYTES);
	ck_assert_uint_le(lines.size, 65536);
	ck_assert_int_eq(mcp_lines_add(&lines, "x\nnext\n", 7), 0);
	ck_assert_int_eq(mcp_lines_next(&lines, &line, &len),
			 MCP_LINE_TOO_LONG);
	ck_assert_int_eq(mcp_lines_next(&lines, &line, &len), MCP_LINE_GOT);
	ck_assert(len == 4 && memcmp(line, "next", 4) == 0);
	ck_assert_int_eq(mcp_lines_next(&lines, &line, &len), MCP_LINE_NONE);
	mcp_lines_fini(&lines);
}
END_TEST

START_TEST(test_ids_are_answered_as_they_came)
{
	static const char *const ids[] = {
		"0", "-1", "9223372036854775807", "-9223372036854775808",
		"123456789012345678901234567890", "1e400", "-1E-400", "1.50",
		"\"\"", "\"a\"", "\"\\u0061\"", "\"\\\"\\\\ \xc3\xa9\"",
		"\"\\u0000\"",
	};
	char text[200];
	char wanted[200];

	ready();
	for (size_t i = 0; i < COUNT(ids); i++) {
		(void)snprintf(text, sizeof(text),
			       "{\"method\":\"ping\", \"id\" : %s ,\"jsonrpc\":\"2.0\"}\n",
			       ids[i]);
		(void)snprintf(wanted, sizeof(wanted),
			       "{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":{}}",
			       ids[i]);
		say(text);
		ck_assert_str_eq(heard(), wanted);
	}
	stop();
}
END_TEST

static const struct {
	const char *said;
	const char *id;
	int code;
	const char *text;
} errors[] = {
	{ "{", "null", -32700, "Parse error" },
	{ "nonsense", "null", -32700, "Parse error" },
	{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"p\xff\"}", "null",
	  -32700, "Parse error" },
	{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"method\":\"ping\"}",
	  "null", -32700, "duplicate" },
	{ "{\"jsonrpc\":\"2.0\",\"id\":01,\"method\":\"ping\"}", "null",
	  -32700, "Parse error" },
	{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"} 1", "null",
	  -32700, "Parse error" },
	{ "5", "null", -32600, "expected an object, got a number" },
	{ "[]", "null", -32600, "batches" },
	{ "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}]", "null",
	  -32600, "batches" },
	{ "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"ping\"}", "1",
	  -32600, "jsonrpc" },
	{ "{\"id\":1,\"method\":\"ping\"}", "1", -32600, "jsonrpc" },
	{ "{\"jsonrpc\":\"2.0\",\"id\":1}", "1", -32600,
	  "method: missing" },
	{ "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":7}", "\"x\"",
	  -32600, "method: expected a string, got a number" },
	{ "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}",
	  "null", -32600, "id: expected a string or a number, got null" },
	{ "{\"jsonrpc\":\"2.0\",\"id\":true,\"method\":\"ping\"}",
	  "null", -32600, "got a boolean" },
	{ "{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"ping\"}", "null",
	  -32600, "got an object" },
	{ "{\"jsonrpc\":\"2.0\",\"id\":[1],\"method\":\"ping\"}",
	  "null", -32600, "got an array" },
	{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\\u0000\"}",
	  "1", -32600, "U+0000" },
	{ CALL("\"n\"", "exec", ",\"arguments\":{\"env\":{\"A\\u0000\":\"\"}}"),
	  "\"n\"", -32600, "name of a member holds U+0000" },
	{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"no/such\"}", "1",
	  -32601, "Method not found: no/such" },
	{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":[]}",
	  "1", -32602, "params: expected an object, got an array" },
	{ CALL("1", "", ""), "1", -32602, "Unknown tool" },
	{ CALL("1", "resources.read", ""), "1", -32602,
	  "Unknown tool: resources.read" },
	{ CALL("1", "exec", ",\"arguments\":[]"), "1", -32602,
	  "arguments: expected an object, got an array" },
	{ CALL("1", "exec", ",\"_meta\":1"), "1", -32602,
	  "_meta: expected an object" },
	{ CALL("1", "exec", ",\"_meta\":{\"progressToken\":[]}"), "1",
	  -32602, "_meta.progressToken: expected a string" },
	{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\"}",
	  "1", -32602, "name: missing" },
	{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":{}}}",
	  "1", -32602, "name: expected a string, got an object" },
	{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{\"cursor\":\"2\"}}",
	  "1", -32602, "cursor: there is no such page" },
	{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{\"cursor\":2}}",
	  "1", -32602, "cursor: expected a string, got a number" },
	{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/templates/list\",\"params\":{\"cursor\":\"2\"}}",
	  "1", -32602, "cursor: there is no such page" },
	{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/read\"}",
	  "1", -32602, "uri: missing" },
	{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"logging/setLevel\",\"params\":{\"level\":\"loud\"}}",
	  "1", -32602, "level: expected one of debug" },
	{ HELLO("1"), "1", -32600, "initialized already" },
};

START_TEST(test_errors_table)
{
	char wanted[100];

	ready();
	for (size_t i = 0; i < COUNT(errors); i++) {
		const char *line;

		say(errors[i].said);
		if (!strchr(errors[i].said, '\n'))
			say("\n");
		line = heard();
		(void)snprintf(wanted, sizeof(wanted),
			       "{\"jsonrpc\":\"2.0\",\"id\":%s,\"error\":{\"code\":%d,\"message\":",
			       errors[i].id, errors[i].code);
		ck_assert_msg(strncmp(line, wanted, strlen(wanted)) == 0 &&
				      strstr(line, errors[i].text),
			      "row %zu: %s", i, line);
		ck_assert_str_eq(heard(), "");
	}
	stop();
}
END_TEST

START_TEST(test_what_wants_no_answer_gets_none)
{
	ready();
	say("\n \r\n"
	    "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n"
	    "{\"jsonrpc\":\"2.0\",\"method\":\"no/such\"}\n"
	    "{\"jsonrpc\":\"2.0\",\"method\":\"ping\",\"params\":[]}\n"
	    "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\"}\n"
	    "{\"jsonrpc\":\"2.0\",\"id\":5,\"result\":{}}\n"
	    "{\"jsonrpc\":\"2.0\",\"id\":5,\"error\":{\"code\":1}}\n");
	ck_assert_str_eq(heard(), "");
	stop();
}
END_TEST

START_TEST(test_deep_and_many_are_refused_before_parsing)
{
	auto_free char *text = malloc(1u << 20);
	size_t len;

	ck_assert_ptr_nonnull(text);
	ready();
	memset(text, '[', 100);
	memcpy(text + 100, "\n", 2);
	say(text);
	ck_assert_ptr_nonnull(strstr(heard(), "-32700,\"message\":\"Parse error: nests"));
	for (len = 0; len < 500000; len += 2)
		memcpy(text + len, "1,", 2);
	memcpy(text + len, "\n", 2);
	say(text);
	ck_assert_ptr_nonnull(strstr(heard(), "-32700,\"message\":\"Parse error: more than"));
	stop();
}
END_TEST

START_TEST(test_too_long_line_is_refused_the_next_is_served)
{
	auto_free char *text = malloc(1u << 20);

	ck_assert_ptr_nonnull(text);
	memset(text, 'x', 1u << 20);
	ready();
	for (size_t i = 0; i < 20; i++)
		mcp_server_input(server, text, 1u << 20);
	say("\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n");
	ck_assert_ptr_nonnull(strstr(heard(), "\"id\":null,\"error\":{\"code\":-32600,\"message\":\"a message of more than 16777216 bytes"));
	ck_assert_str_eq(heard(), "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}");
	stop();
}
END_TEST

START_TEST(test_before_initialize_only_ping_is_answered)
{
	start(NULL);
	fake_open(FAKE_TOOLS, NULL);
	say("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n");
	ck_assert_str_eq(heard(), "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}");
	say("{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/list\"}\n");
	ck_assert_ptr_nonnull(strstr(heard(), "-32600,\"message\":\"initialize comes first"));
	stop();
}
END_TEST

START_TEST(test_version_is_the_clients_or_the_newest)
{
	static const char *const table[][2] = {
		{ "2025-11-25", "2025-11-25" }, { "2025-06-18", "2025-06-18" },
		{ "2024-11-05", "2025-11-25" }, { "2099-01-01", "2025-11-25" },
		{ "", "2025-11-25" },
	};
	char text[200];
	char wanted[100];

	for (size_t i = 0; i < COUNT(table); i++) {
		start(NULL);
		fake_open(FAKE_TOOLS, NULL);
		(void)snprintf(text, sizeof(text),
			       "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\",\"params\":{\"protocolVersion\":\"%s\"}}\n",
			       table[i][0]);
		(void)snprintf(wanted, sizeof(wanted),
			       "\"protocolVersion\":\"%s\"", table[i][1]);
		say(text);
		ck_assert_ptr_nonnull(strstr(heard(), wanted));
		stop();
	}
}
END_TEST

START_TEST(test_all_wait_until_the_toolbox_is_open)
{
	start(NULL);
	say(HELLO("0") "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}\n");
	ck_assert_str_eq(heard(), "");
	ck_assert(mcp_server_wants(server));
	fake_open(FAKE_TOOLS, "mind the gap");
	loop();
	ck_assert_ptr_nonnull(strstr(heard(), "The working directory is /workspace; "));
	ck_assert_ptr_nonnull(strstr(heard(), "\"level\":\"warning\",\"logger\":\"creel\",\"data\":\"mind the gap\""));
	ck_assert_ptr_nonnull(strstr(heard(), "\"tools\":[{\"name\":\"exec\""));
	stop();
}
END_TEST

START_TEST(test_toolbox_that_fails_is_told_to_who_asks)
{
	bool failed = false;

	start(NULL);
	say(HELLO("\"i\""));
	fake_fail("toolbox: nobody there", "look");
	loop();
	ck_assert_str_eq(heard(), "{\"jsonrpc\":\"2.0\",\"id\":\"i\",\"error\":{\"code\":-32000,\"message\":\"toolbox: nobody there\",\"data\":{\"hint\":\"look\"}}}");
	ck_assert(mcp_server_over(server, &failed) && failed);
	ck_assert_uint_eq(n_failed, 1);
	stop();

	fake_opens = false;
	start(NULL);
	ck_assert(!mcp_server_over(server, &failed));
	say(HELLO("1"));
	ck_assert_ptr_nonnull(strstr(heard(), "toolbox: not today"));
	ck_assert(mcp_server_over(server, &failed) && failed);
	stop();
}
END_TEST

START_TEST(test_toolbox_that_is_lost_ends_calls_and_server)
{
	bool failed = false;

	ready();
	say(CALL("1", "exec", ""));
	fake_fail("toolbox: gone", "");
	ck_assert_ptr_nonnull(strstr(heard(), "\"level\":\"error\""));
	ck_assert_str_eq(heard(), "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32000,\"message\":\"toolbox: gone\"}}");
	ck_assert(mcp_server_over(server, &failed) && failed);
	stop();
}
END_TEST

START_TEST(test_calls_hand_arguments_and_results_through)
{
	ready();
	say(CALL("1", "exec", ",\"arguments\": {\"n\": 1.50, \"big\":123456789012345678901234567890} "));
	ck_assert_str_eq(fake->calls->name, "exec");
	ck_assert_str_eq(fake->calls->args, "{\"n\": 1.50, \"big\":123456789012345678901234567890}");
	say(CALL("2", "read", ""));
	ck_assert_str_eq(fake->calls->next->args, "{}");
	fake_done("{\"content\":[],\"structuredContent\":{\"x\":1.50},\"isError\":true}", ERR_NONE);
	ck_assert_str_eq(heard(), "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"content\":[],\"structuredContent\":{\"x\":1.50},\"isError\":true}}");
	/* Two lines would be two messages. */
	fake_done("{\"content\":\n[]}", ERR_NONE);
	ck_assert_str_eq(heard(), "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"content\":[]}}");
	say(CALL("3", "what", ""));
	fake_done(NULL, ERR_BAD_REQUEST);
	ck_assert_str_eq(heard(), "{\"jsonrpc\":\"2.0\",\"id\":3,\"error\":{\"code\":-32602,\"message\":\"what: failed\"}}");
	say(CALL("4", "exec", ""));
	fake_done(NULL, ERR_KERNEL);
	ck_assert_ptr_nonnull(strstr(heard(), "\"id\":4,\"error\":{\"code\":-32603"));
	fake_refuses = true;
	say(CALL("5", "exec", ""));
	ck_assert_ptr_nonnull(strstr(heard(), "\"id\":5,\"error\":{\"code\":-32602"));
	stop();
}
END_TEST

START_TEST(test_ids_in_use_are_refused)
{
	ready();
	say(CALL("\"a\"", "exec", "") CALL("\"\\u0061\"", "exec", ""));
	ck_assert_ptr_nonnull(strstr(heard(), "-32600,\"message\":\"id: a request of that id"));
	fake_done(RESULT, ERR_NONE);
	ck_assert_ptr_nonnull(strstr(heard(), "\"id\":\"a\",\"result\""));
	say(CALL("\"a\"", "exec", ""));
	ck_assert_str_eq(heard(), "");
	stop();
}
END_TEST

START_TEST(test_progress_rises_and_has_the_clients_token)
{
	struct toolbox_call *call;

	ready();
	say(CALL("1", "exec", ",\"_meta\":{\"progressToken\":123456789012345678901}"));
	call = fake->calls;
	call->ops->progress(call->arg, 500, 1, "half \xc3\xa9");
	ck_assert_str_eq(heard(), "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progressToken\":123456789012345678901, \"progress\":500,\"message\":\"half \xc3\xa9\"}}");
	call->ops->progress(call->arg, 500, 1, NULL);
	ck_assert_str_eq(heard(), "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progressToken\":123456789012345678901, \"progress\":501}}");
	say("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":1}}\n");
	call->ops->progress(call->arg, 900, 1, NULL);
	ck_assert_str_eq(heard(), "");
	say(CALL("2", "exec", ""));
	ck_assert_ptr_null(call->next->ops->progress);
	stop();
}
END_TEST

START_TEST(test_cancelled_calls_are_ended_and_not_answered)
{
	ready();
	say(CALL("\"\\u0061\"", "exec", "") CALL("2", "exec", ""));
	say("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":\"a\",\"reason\":\"r\"}}\n");
	ck_assert(fake->calls->cancelled);
	ck_assert(!fake->calls->next->cancelled);
	fake_done(RESULT, ERR_NONE);
	ck_assert_str_eq(heard(), "");
	fake_done(RESULT, ERR_NONE);
	ck_assert_ptr_nonnull(strstr(heard(), "\"id\":2,\"result\""));
	stop();
}
END_TEST

START_TEST(test_many_calls_wait_for_their_turn)
{
	char text[200];
	size_t n = 0;

	ready();
	for (int i = 0; i < MCP_CALLS_MAX + 1; i++) {
		(void)snprintf(text, sizeof(text),
			       "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"tools/call\",\"params\":{\"name\":\"exec\"}}\n",
			       i);
		say(text);
	}
	ck_assert_ptr_nonnull(strstr(heard(), "\"id\":1024,\"error\":{\"code\":-32000"));
	for (const struct toolbox_call *call = fake->calls; call;
	     call = call->next)
		n++;
	ck_assert_uint_eq(n, MCP_CALLS_ACTIVE);
	/* One that waits is not begun at all. */
	say("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":1000}}\n");
	for (n = 0; fake->calls; n++)
		fake_done(RESULT, ERR_NONE);
	ck_assert_uint_eq(n, MCP_CALLS_MAX - 1);
	stop();
}
END_TEST

START_TEST(test_client_that_does_not_read_is_not_read)
{
	auto_free char *result = malloc(1u << 20);

	ck_assert_ptr_nonnull(result);
	memset(result, ' ', 1u << 20);
	result[0] = '{';
	result[(1u << 20) - 2] = '}';
	result[(1u << 20) - 1] = '\0';
	ready();
	for (int i = 0; i < 3; i++) {
		say(CALL("1", "exec", ""));
		fake_done(result, ERR_NONE);
	}
	say(CALL("1", "exec", ",\"_meta\":{\"progressToken\":1}"));
	fake->calls->ops->progress(fake->calls->arg, 5, 5, "lost");
	fake_done(result, ERR_NONE);
	say("{\"jsonrpc\":\"2.0\",\"id\":9,\"method\":\"ping\"}\n");
	memset(result, ' ', (1u << 20) - 1);
	ck_assert(mcp_server_wants(server));
	mcp_server_input(server, result, (1u << 20) - 1);
	ck_assert(!mcp_server_wants(server));
	for (int i = 0; i < 4; i++)
		ck_assert_ptr_nonnull(strstr(heard(), "\"result\""));
	loop();
	ck_assert_str_eq(heard(), "{\"jsonrpc\":\"2.0\",\"id\":9,\"result\":{}}");
	ck_assert(mcp_server_wants(server));
	stop();
}
END_TEST

START_TEST(test_end_of_input_cancels_and_ends)
{
	bool failed = true;

	ready();
	say(CALL("1", "exec", ""));
	mcp_server_end(server);
	ck_assert(!mcp_server_wants(server));
	ck_assert_str_eq(heard(), "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32000,\"message\":\"cancelled: the input ended\"}}");
	ck_assert(fake->calls->cancelled);
	ck_assert(!mcp_server_over(server, &failed));
	fake_done(RESULT, ERR_NONE);
	ck_assert_str_eq(heard(), "");
	ck_assert(mcp_server_over(server, &failed) && !failed);
	stop();
}
END_TEST

START_TEST(test_changed_tools_are_told)
{
	ready();
	fake_open(FAKE_TOOLS, NULL);
	ck_assert_ptr_nonnull(strstr(heard(), "opened again"));
	fake_open("[{\"name\":\"read\"}]", NULL);
	ck_assert_str_eq(heard(), "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}");
	say("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}\n");
	ck_assert_str_eq(heard(), "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":[{\"name\":\"read\"}]}}");
	stop();
}
END_TEST

START_TEST(test_tools_option_leaves_out_the_others)
{
	start("read,write");
	fake_open(FAKE_TOOLS, NULL);
	say(HELLO("0") "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}\n");
	(void)heard();
	ck_assert_ptr_null(strstr(heard(), "exec"));
	say(CALL("2", "exec", ""));
	ck_assert_str_eq(heard(), "{\"jsonrpc\":\"2.0\",\"id\":2,\"error\":{\"code\":-32602,\"message\":\"Unknown tool: exec\"}}");
	ck_assert_ptr_null(fake->calls);
	stop();
}
END_TEST

START_TEST(test_log_level_is_the_clients)
{
	ready();
	say("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"logging/setLevel\",\"params\":{\"level\":\"error\"}}\n");
	ck_assert_str_eq(heard(), "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}");
	fake_open(FAKE_TOOLS, "not said");
	ck_assert_str_eq(heard(), "");
	stop();
}
END_TEST

START_TEST(test_resources_are_what_the_tools_answer)
{
	ready();
	say("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/list\",\"params\":{\"cursor\":\"c\"}}\n");
	ck_assert_str_eq(fake->calls->name, "resources.list");
	ck_assert_str_eq(fake->calls->args, "{\"cursor\":\"c\"}");
	fake_done("{\"structuredContent\":{\"resources\":[],\"nextCursor\":\"d\",\"sandboxed\":true}}", ERR_NONE);
	ck_assert_str_eq(heard(), "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"resources\":[],\"nextCursor\":\"d\"}}");
	say("{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"resources/read\",\"params\":{\"uri\":\"creel://workspace/a\"}}\n");
	ck_assert_str_eq(fake->calls->args, "{\"uri\":\"creel://workspace/a\"}");
	fake_done("{\"structuredContent\":{\"contents\":[{\"text\":\"x\\u0000\"}],\"size\":1}}", ERR_NONE);
	ck_assert_str_eq(heard(), "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"contents\":[{\"text\":\"x\\u0000\"}]}}");
	stop();
}
END_TEST

START_TEST(test_resources_errors_have_their_codes)
{
	static const struct {
		const char *word;
		int code;
	} table[] = {
		{ "not_found", -32002 }, { "invalid_argument", -32602 },
		{ "denied", -32602 }, { "too_large", -32603 },
	};
	char text[200];
	char wanted[200];

	ready();
	for (size_t i = 0; i < COUNT(table); i++) {
		say("{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"resources/read\",\"params\":{\"uri\":\"x\"}}\n");
		(void)snprintf(text, sizeof(text),
			       "{\"structuredContent\":{\"error\":{\"code\":\"%s\",\"message\":\"why\"}},\"isError\":true}",
			       table[i].word);
		(void)snprintf(wanted, sizeof(wanted),
			       "{\"jsonrpc\":\"2.0\",\"id\":2,\"error\":{\"code\":%d,\"message\":\"why\"}}",
			       table[i].code);
		fake_done(text, ERR_NONE);
		ck_assert_str_eq(heard(), wanted);
	}
	/* What is no answer at all. */
	say("{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"resources/list\"}\n");
	fake_done("{}", ERR_NONE);
	ck_assert_ptr_nonnull(strstr(heard(), "-32603"));
	stop();
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("mcp");
	TCase *tcase = tcase_create("mcp");

	tcase_add_test(tcase, test_lines_pieces_of_any_size_are_the_same_lines);
	tcase_add_test(tcase, test_lines_too_long_is_told_once_and_not_kept);
	tcase_add_test(tcase, test_ids_are_answered_as_they_came);
	tcase_add_test(tcase, test_errors_table);
	tcase_add_test(tcase, test_what_wants_no_answer_gets_none);
	tcase_add_test(tcase, test_deep_and_many_are_refused_before_parsing);
	tcase_add_test(tcase, test_too_long_line_is_refused_the_next_is_served);
	tcase_add_test(tcase, test_before_initialize_only_ping_is_answered);
	tcase_add_test(tcase, test_version_is_the_clients_or_the_newest);
	tcase_add_test(tcase, test_all_wait_until_the_toolbox_is_open);
	tcase_add_test(tcase, test_toolbox_that_fails_is_told_to_who_asks);
	tcase_add_test(tcase, test_toolbox_that_is_lost_ends_calls_and_server);
	tcase_add_test(tcase, test_calls_hand_arguments_and_results_through);
	tcase_add_test(tcase, test_ids_in_use_are_refused);
	tcase_add_test(tcase, test_progress_rises_and_has_the_clients_token);
	tcase_add_test(tcase, test_cancelled_calls_are_ended_and_not_answered);
	tcase_add_test(tcase, test_many_calls_wait_for_their_turn);
	tcase_add_test(tcase, test_client_that_does_not_read_is_not_read);
	tcase_add_test(tcase, test_end_of_input_cancels_and_ends);
	tcase_add_test(tcase, test_changed_tools_are_told);
	tcase_add_test(tcase, test_tools_option_leaves_out_the_others);
	tcase_add_test(tcase, test_log_level_is_the_clients);
	tcase_add_test(tcase, test_resources_are_what_the_tools_answer);
	tcase_add_test(tcase, test_resources_errors_have_their_codes);
	suite_add_tcase(suite, tcase);
	return suite;
}
