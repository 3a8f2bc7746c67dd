// SPDX-License-Identifier: Apache-2.0
/*
 * What a tool came to, for people.  A terminal gets nothing that could steer
 * it; who reads from a pipe gets the bytes.
 */
#include <config.h>

#include "controller/cli/verb-tool.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "controller/cli/page.h"
#include "controller/cli/report.h"
#include "controller/cli/table.h"
#include "controller/config/schema.h"
#include "controller/config/utf8.h"
#include "proto/cleanup.h"

#define ARGUMENT 2
#define HELP 18
#define MAX_TOOLS 256

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* A piece without line ends. */
static void put_piece(const char *text, size_t len)
{
	auto_free char *piece = strndup(text, len);

	cli_put_text(stdout, piece ? piece : "?");
}

/**
 * cli_tool_print_text() - lines of text, the last one ended
 */
void cli_tool_print_text(const char *text, size_t len, bool terminal)
{
	size_t at = 0;

	if (!terminal) {
		(void)fwrite(text, 1, len, stdout);
	} else {
		while (at < len) {
			const size_t piece = strcspn(text + at, "\n\t");

			put_piece(text + at, piece);
			at += piece;
			if (at < len && text[at] == '\0')
				fputs("\\x00", stdout);
			else if (at < len)
				putchar(text[at]);
			at++;
		}
	}
	if (len > 0 && text[len - 1] != '\n')
		putchar('\n');
}

/* UTF-16, as JSON has it. */
static void put_unicode(uint32_t code)
{
	if (code >= 0x10000) {
		printf("\\u%04" PRIx32, 0xd800 + ((code - 0x10000) >> 10));
		code = 0xdc00 + (code & 0x3ff);
	}
	printf("\\u%04" PRIx32, code);
}

/**
 * cli_tool_print_json() - JSON on one line
 *
 * What is not ASCII stands in strings alone, so that it can be escaped as
 * they have it.
 */
void cli_tool_print_json(const char *json, size_t len)
{
	const bool utf8 = cli_locale_is_utf8();
	size_t at = 0, valid = 0;

	if (!isatty(STDOUT_FILENO)) {
		(void)fwrite(json, 1, len, stdout);
		putchar('\n');
		return;
	}
	while (at < len) {
		uint32_t code = 0xfffd;
		size_t bytes = 1;

		if (at >= valid)
			valid = at + cfg_utf8_valid(json + at, len - at);
		if (at < valid)
			bytes = cfg_utf8_get(json + at, &code);
		if (at >= valid || cli_char_is_harmful(code) ||
		    (code >= 0x80 && !utf8))
			put_unicode(code);
		else
			(void)fwrite(json + at, 1, bytes, stdout);
		at += bytes;
	}
	putchar('\n');
}

static void print_image(const json_t *item)
{
	const size_t chars =
		json_string_length(json_object_get(item, "data"));
	const char *data = text_of(item, "data");
	size_t bytes = chars / 4 * 3;

	if (chars >= 2)
		bytes -= (data[chars - 1] == '=') + (data[chars - 2] == '=');
	fputs("image: ", stdout);
	cli_put_text(stdout, text_of(item, "mimeType"));
	printf(", %zu bytes\n", bytes);
}

/**
 * cli_tool_print_result() - the text of a result; of an image what it is
 */
void cli_tool_print_result(const char *json, size_t len)
{
	const bool terminal = isatty(STDOUT_FILENO);
	json_t *result = json_loadb(json, len, JSON_ALLOW_NUL, NULL);
	const json_t *item;
	size_t i;

	if (!result) {
		cli_tool_print_json(json, len);
		return;
	}
	json_array_foreach(json_object_get(result, "content"), i, item) {
		const json_t *text = json_object_get(item, "text");

		if (!strcmp(text_of(item, "type"), "image"))
			print_image(item);
		else if (text)
			cli_tool_print_text(json_string_value(text),
					    json_string_length(text),
					    terminal);
	}
	json_decref(result);
}

/**
 * cli_tool_print_cost() - how long a call took, where, and what it used
 */
void cli_tool_print_cost(const char *name, const char *json, size_t len)
{
	json_t *result = json_loadb(json, len, JSON_ALLOW_NUL, NULL);
	const json_t *all = json_object_get(result, "structuredContent");
	const json_int_t peak_bytes =
		json_integer_value(json_object_get(all, "memoryPeak"));
	const json_t *cpu = json_object_get(all, "cpuUsec");
	char peak[48] = "", used[48] = "", size[32];

	if (peak_bytes > 0)
		(void)snprintf(peak, sizeof(peak), ", memory %s",
			       cli_text_size((uint64_t)peak_bytes, size,
					     sizeof(size)));
	if (cpu)
		(void)snprintf(used, sizeof(used), ", processor %.3f s",
			       (double)json_integer_value(cpu) / 1e6);
	if (all)
		cli_note("%s: %.0f ms %s%s%s", name,
			 json_number_value(json_object_get(all, "durationMs")),
			 json_is_true(json_object_get(all, "sandboxed")) ?
				 "in the sandbox" :
				 "on the host",
			 peak, used);
	json_decref(result);
}

/* Goes on behind a blank. */
static void flow_on(struct cli_page *page, int indent, const char *text)
{
	auto_free char *more = NULL;

	if (asprintf(&more, " %s", text) < 0) {
		more = NULL;
		return;
	}
	cli_page_flow(page, indent, CLI_STYLE_PLAIN, more);
}

static bool is_required(const json_t *schema, const char *name)
{
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(schema, "required"), i, item)
		if (!strcmp(json_string_value(item), name))
			return true;
	return false;
}

static void print_argument(struct cli_page *page, const json_t *schema,
			   const char *name, const json_t *about)
{
	cli_page_tab(page, ARGUMENT);
	cli_page_flow(page, HELP, CLI_STYLE_PLAIN, name);
	/* A name of that length has its help on the next line. */
	cli_page_tab(page, HELP);
	cli_page_flow(page, HELP, CLI_STYLE_DIM, text_of(about, "type"));
	if (is_required(schema, name))
		cli_page_flow(page, HELP, CLI_STYLE_DIM, ", required");
	cli_page_flow(page, HELP, CLI_STYLE_DIM, ".");
	flow_on(page, HELP, text_of(about, "description"));
	cli_page_end(page);
}

static void print_tool(struct cli_page *page, const json_t *tool)
{
	json_t *schema = json_object_get(tool, "inputSchema");
	const char *name;
	json_t *about;

	cli_page_end(page);
	cli_page_flow(page, 0, CLI_STYLE_BOLD, text_of(tool, "name"));
	cli_page_end(page);
	cli_page_tab(page, ARGUMENT);
	cli_page_flow(page, ARGUMENT, CLI_STYLE_PLAIN,
		      text_of(tool, "description"));
	cli_page_end(page);
	json_object_foreach(json_object_get(schema, "properties"), name, about)
		print_argument(page, schema, name, about);
}

/**
 * cli_tool_print_list() - the tools with their arguments
 */
void cli_tool_print_list(const struct toolbox_info *info)
{
	json_t *tools = json_loadb(info->tools, info->tools_len, 0, NULL);
	struct cli_page page;
	const json_t *tool;
	size_t i;

	cli_page_init(&page, stdout);
	cli_page_flow(&page, 0, CLI_STYLE_BOLD, info->session);
	cli_page_flow(&page, 2, CLI_STYLE_PLAIN,
		      info->sandboxed ? ": in a sandbox, in" :
					": on the host, in");
	flow_on(&page, 2, info->workdir);
	cli_page_end(&page);
	if (json_array_size(tools) == 0) {
		cli_page_flow(&page, 0, CLI_STYLE_PLAIN,
			      "no tool is allowed");
		cli_page_end(&page);
	}
	json_array_foreach(tools, i, tool)
		print_tool(&page, tool);
	json_decref(tools);
}

/**
 * cli_tool_nearest() - which of these tools was meant
 *
 * Return: owned, or NULL where none is near.
 */
char *cli_tool_nearest(const char *name, const char *tools, size_t len)
{
	json_t *list = tools ? json_loadb(tools, len, 0, NULL) : NULL;
	const char *names[MAX_TOOLS + 1] = { NULL };
	const char *found;
	char *copy;
	size_t n = json_array_size(list);

	for (size_t i = 0; i < n && i < MAX_TOOLS; i++)
		names[i] = text_of(json_array_get(list, i), "name");
	found = cfg_nearest(name, names, n < MAX_TOOLS ? n : MAX_TOOLS);
	copy = found ? strdup(found) : NULL;
	json_decref(list);
	return copy;
}
