// SPDX-License-Identifier: Apache-2.0
/*
 * Messages of control.proto that tool calls are made of.
 */
#include <config.h>

#include "tests/unit/golden.h"

#include <stdint.h>

#include "proto/control.pb-c.h"

#define ELEMENTS(array) (sizeof(array) / sizeof(*(array)))

static void visit_request(golden_visit *visit, void *data, const char *name,
			  Ctl__Request *request)
{
	request->seq = 4711;
	visit(&(struct golden){ "control", name, &request->base }, data);
}

static void visit_reply(golden_visit *visit, void *data, const char *name,
			Ctl__Reply *reply)
{
	reply->seq = 4711;
	visit(&(struct golden){ "control", name, &reply->base }, data);
}

static void toolbox_open(golden_visit *visit, void *data)
{
	char *given[] = { (char *)"memory" };
	Ctl__Config config = CTL__CONFIG__INIT;
	Ctl__Spec spec = CTL__SPEC__INIT;
	Ctl__ToolboxOpen verb = CTL__TOOLBOX_OPEN__INIT;
	Ctl__Request outer = CTL__REQUEST__INIT;

	config.path = (char *)"/home/u/.openclaw/openclaw.json";
	config.home = (char *)"/home/u";
	spec.memory = 512 << 20;
	verb.config = &config;
	verb.session = (char *)"agent:main:x";
	verb.spec = &spec;
	verb.n_given = ELEMENTS(given);
	verb.given = given;
	verb.provider = (char *)"openai/gpt-5";
	verb.channel = (char *)"telegram";
	verb.sender = (char *)"4711";
	verb.subagent = 1;
	outer.op_case = CTL__REQUEST__OP_TOOLBOX_OPEN;
	outer.toolbox_open = &verb;
	visit_request(visit, data, "request-toolbox-open", &outer);
}

static void toolbox_close(golden_visit *visit, void *data)
{
	Ctl__ToolboxClose verb = CTL__TOOLBOX_CLOSE__INIT;
	Ctl__Request outer = CTL__REQUEST__INIT;

	verb.toolbox = 3;
	outer.op_case = CTL__REQUEST__OP_TOOLBOX_CLOSE;
	outer.toolbox_close = &verb;
	visit_request(visit, data, "request-toolbox-close", &outer);
}

static void tool_call(golden_visit *visit, void *data)
{
	Ctl__ToolCall verb = CTL__TOOL_CALL__INIT;
	Ctl__Request outer = CTL__REQUEST__INIT;

	verb.toolbox = 1;
	verb.name = (char *)"read";
	verb.args = GOLDEN_BYTES("{\"path\":\"a\",\"offset\":2}");
	verb.args_fd = 1;
	verb.token = GOLDEN_ID;
	verb.progress = 1;
	verb.again = 1;
	outer.op_case = CTL__REQUEST__OP_TOOL_CALL;
	outer.tool_call = &verb;
	visit_request(visit, data, "request-tool-call", &outer);
}

static void tool_cancel(golden_visit *visit, void *data)
{
	Ctl__ToolCancel verb = CTL__TOOL_CANCEL__INIT;
	Ctl__Request outer = CTL__REQUEST__INIT;

	verb.token = GOLDEN_ID;
	outer.op_case = CTL__REQUEST__OP_TOOL_CANCEL;
	outer.tool_cancel = &verb;
	visit_request(visit, data, "request-tool-cancel", &outer);
}

static void toolbox(golden_visit *visit, void *data)
{
	char *warnings[] = { (char *)"no limits", (char *)"" };
	Ctl__Toolbox verb = CTL__TOOLBOX__INIT;
	Ctl__Reply outer = CTL__REPLY__INIT;

	verb.toolbox = 1;
	verb.session = (char *)"agent:main:x";
	verb.agent = (char *)"main";
	verb.sandboxed = 1;
	verb.workdir = (char *)"/workspace";
	verb.tools = GOLDEN_BYTES("[{\"name\":\"read\"}]");
	verb.tools_fd = 1;
	verb.n_warnings = ELEMENTS(warnings);
	verb.warnings = warnings;
	verb.network = (char *)"none";
	outer.re_case = CTL__REPLY__RE_TOOLBOX;
	outer.toolbox = &verb;
	visit_reply(visit, data, "reply-toolbox", &outer);
}

static void tool_progress(golden_visit *visit, void *data)
{
	Ctl__ToolProgress verb = CTL__TOOL_PROGRESS__INIT;
	Ctl__Reply outer = CTL__REPLY__INIT;

	verb.elapsed_ms = 1500;
	verb.output_bytes = 4096;
	verb.text = (char *)"12 of 40 done";
	outer.re_case = CTL__REPLY__RE_TOOL_PROGRESS;
	outer.tool_progress = &verb;
	visit_reply(visit, data, "reply-tool-progress", &outer);
}

static void tool_host(golden_visit *visit, void *data)
{
	Ctl__ToolHost verb = CTL__TOOL_HOST__INIT;
	Ctl__Reply outer = CTL__REPLY__INIT;

	verb.token = GOLDEN_ID;
	verb.elevated = 1;
	outer.re_case = CTL__REPLY__RE_TOOL_HOST;
	outer.tool_host = &verb;
	visit_reply(visit, data, "reply-tool-host", &outer);
}

static void tool_result(golden_visit *visit, void *data)
{
	Ctl__ToolResult verb = CTL__TOOL_RESULT__INIT;
	Ctl__Reply outer = CTL__REPLY__INIT;

	verb.result = GOLDEN_BYTES("{\"content\":[],\"isError\":true}");
	verb.result_fd = 1;
	verb.error = 1;
	verb.changed = 1;
	verb.host = 1;
	outer.re_case = CTL__REPLY__RE_TOOL_RESULT;
	outer.tool_result = &verb;
	visit_reply(visit, data, "reply-tool-result", &outer);
}

/**
 * golden_tools() - visit one message of each kind
 * @visit: called with each, which lives no longer than the call
 */
void golden_tools(golden_visit *visit, void *data)
{
	toolbox_open(visit, data);
	toolbox_close(visit, data);
	tool_call(visit, data);
	tool_cancel(visit, data);
	toolbox(visit, data);
	tool_progress(visit, data);
	tool_host(visit, data);
	tool_result(visit, data);
}
