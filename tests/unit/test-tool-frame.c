// SPDX-License-Identifier: Apache-2.0
/*
 * The frame of tools: what arguments are refused, and what a result is.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "controller/tools/backend.h"
#include "tests/unit/runner.h"

static const char *const colours[] = { "red", "green", NULL };

static const struct tool_param params[] = {
	{ "path", TOOL_KIND_STRING, .required = true, .min = 1, .max = 16,
	  .alias = "file_path", .help = "Where." },
	{ "text", TOOL_KIND_STRING, .nul = true, .help = "What." },
	{ "count", TOOL_KIND_INTEGER, .min = 1, .max = 10, .help = "How many." },
	{ "timeout", TOOL_KIND_NUMBER, .min = 0.001, .max = 86400,
	  .help = "Seconds." },
	{ "colour", TOOL_KIND_STRING, .choices = colours, .help = "Which." },
	{ "on", TOOL_KIND_BOOLEAN, .help = "Whether." },
	{ "names", TOOL_KIND_STRINGS, .help = "Some." },
	{ "env", TOOL_KIND_MAP, .help = "Variables." },
	{ .name = NULL },
};

static void start_well(struct tool_call *call)
{
	tool_done(call, json_pack("{s:s}", "path",
				  tool_arg_string(call, "path", "")),
		  "o\xffk", 3);
}

static void start_ill(struct tool_call *call)
{
	tool_fail(call, "not_found", "%s: no such file",
		  tool_arg_string(call, "path", ""));
	/* A second end is none. */
	tool_done(call, NULL, "well", 4);
}

static const struct tool well = {
	.name = "well",
	.title = "Well",
	.help = "Goes well.",
	.flags = TOOL_READ_ONLY,
	.params = params,
	.start = start_well,
};
static const struct tool ill = {
	.name = "ill", .title = "Ill", .help = "Goes ill.", .params = params,
	.start = start_ill,
};

static void count_end(struct tool_call *call, void *arg)
{
	(void)call;
	++*(int *)arg;
}

static int check(const char *text, struct err *err)
{
	json_t *args = json_loads(text, JSON_ALLOW_NUL, NULL);
	int ret;

	ck_assert_ptr_nonnull(args);
	*err = (struct err)ERR_INIT;
	ret = tool_check_args(&well, args, err);
	json_decref(args);
	return ret;
}

static json_t *run(const struct tool *tool, const char *text, int *ends)
{
	const struct tool_env env = { .sandboxed = true };
	struct err err = ERR_INIT;
	struct tool_call *call;
	json_t *result;
	size_t len;
	char *json;

	*ends = 0;
	call = tool_call_new(tool, &env, json_loads(text, 0, NULL), &err);
	ck_assert_msg(call != NULL, "%s", err.text);
	call->done = count_end;
	call->arg = ends;
	tool_start(call);
	json = tool_result_json(call, &len);
	ck_assert_ptr_nonnull(json);
	ck_assert_uint_eq(len, strlen(json));
	result = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_ptr_nonnull(result);
	free(json);
	tool_call_free(call);
	return result;
}

static const struct {
	const char *args;
	const char *text;
} refused[] = {
	{ "{}", "well: path: expected a string, got nothing" },
	{ "{\"path\": null}", "well: path: expected a string, got nothing" },
	{ "{\"path\": 3}", "well: path: expected a string, got a number" },
	{ "{\"path\": [\"a\"]}", "well: path: expected a string, got an array" },
	{ "{\"path\": \"\"}", "well: path: expected at least 1 bytes, got 0" },
	{ "{\"path\": \"0123456789abcdefg\"}",
	  "well: path: expected at most 16 bytes, got 17" },
	{ "{\"path\": \"a\\u0000b\"}",
	  "well: path: expected text without NUL, got one" },
	{ "{\"path\": \"a\", \"file_path\": \"b\"}",
	  "well: path: given twice, as file_path too" },
	{ "{\"path\": \"a\", \"pfad\": 1}",
	  "well: pfad: there is no such argument" },
	{ "{\"path\": \"a\", \"count\": 1.5}",
	  "well: count: expected a whole number, got a fraction, or too much" },
	{ "{\"path\": \"a\", \"count\": 11}",
	  "well: count: expected a whole number from 1 to 10, got 11" },
	{ "{\"path\": \"a\", \"count\": \"3\"}",
	  "well: count: expected a whole number, got a string" },
	{ "{\"path\": \"a\", \"timeout\": 0}",
	  "well: timeout: expected a number from 0.001 to 86400, got 0" },
	{ "{\"path\": \"a\", \"timeout\": -1}",
	  "well: timeout: expected a number from 0.001 to 86400, got -1" },
	{ "{\"path\": \"a\", \"timeout\": 1e308}",
	  "well: timeout: expected a number from 0.001 to 86400, got 1e+308" },
	{ "{\"path\": \"a\", \"timeout\": \"5\"}",
	  "well: timeout: expected a number, got a string" },
	{ "{\"path\": \"a\", \"colour\": \"blue\"}",
	  "well: colour: expected one of red, green, got \"blue\"" },
	{ "{\"path\": \"a\", \"on\": 1}",
	  "well: on: expected true or false, got a number" },
	{ "{\"path\": \"a\", \"names\": [\"a\", 1]}",
	  "well: names: expected an array of strings, got a number" },
	{ "{\"path\": \"a\", \"names\": \"a\"}",
	  "well: names: expected an array of strings, got a string" },
	{ "{\"path\": \"a\", \"env\": {\"A\": 1}}",
	  "well: env: expected an object of strings, got a number" },
	{ "{\"path\": \"a\", \"env\": {\"A\": \"x\\u0000\"}}",
	  "well: env: expected text without NUL, got one" },
};

START_TEST(test_frame_wrong_argument_names_field_expected_and_got)
{
	struct err err;

	ck_assert_int_eq(check(refused[_i].args, &err), -1);
	ck_assert_str_eq(err.text, refused[_i].text);
	ck_assert_int_eq(err.code, ERR_BAD_REQUEST);
}
END_TEST

START_TEST(test_frame_right_arguments_pass)
{
	struct err err;

	ck_assert_int_eq(check("{\"path\": \"a\"}", &err), 0);
	ck_assert_int_eq(check("{\"file_path\": \"a\", \"text\": \"\\u0000\", "
			       "\"count\": 3.0, \"timeout\": 0.5, \"colour\": "
			       "\"red\", \"on\": false, \"names\": [], "
			       "\"env\": {\"A\": \"b\"}}",
			       &err),
			 0);
}
END_TEST

START_TEST(test_frame_alias_becomes_the_name_and_null_is_not_given)
{
	json_t *args = json_pack("{s:s, s:n}", "file_path", "a", "on");
	struct err err = ERR_INIT;

	ck_assert_int_eq(tool_check_args(&well, args, &err), 0);
	ck_assert_str_eq(json_string_value(json_object_get(args, "path")),
			 "a");
	ck_assert_uint_eq(json_object_size(args), 1);
	json_decref(args);
}
END_TEST

START_TEST(test_frame_schema_has_each_parameter_and_no_other)
{
	json_t *entry = tool_describe(&well);
	json_t *schema = json_object_get(entry, "inputSchema");
	json_t *properties = json_object_get(schema, "properties");

	ck_assert_uint_eq(json_object_size(properties), 8);
	ck_assert_uint_eq(json_array_size(json_object_get(schema, "required")),
			  1);
	ck_assert(json_is_false(
		json_object_get(schema, "additionalProperties")));
	ck_assert(json_is_true(json_object_get(
		json_object_get(entry, "annotations"), "readOnlyHint")));
	json_decref(entry);
}
END_TEST

START_TEST(test_frame_result_says_where_and_how_long_and_is_utf8)
{
	int ends;
	json_t *result = run(&well, "{\"path\": \"a\"}", &ends);
	json_t *structured = json_object_get(result, "structuredContent");
	json_t *item =
		json_array_get(json_object_get(result, "content"), 0);

	ck_assert_int_eq(ends, 1);
	ck_assert(json_is_false(json_object_get(result, "isError")));
	ck_assert(json_is_true(json_object_get(structured, "sandboxed")));
	ck_assert(json_is_number(json_object_get(structured, "durationMs")));
	ck_assert_ptr_null(json_object_get(structured, "cpuUsec"));
	ck_assert_str_eq(json_string_value(json_object_get(item, "text")),
			 "o\xef\xbf\xbdk");
	json_decref(result);
}
END_TEST

START_TEST(test_frame_failure_has_code_and_message_and_one_end)
{
	int ends;
	json_t *result = run(&ill, "{\"path\": \"a\"}", &ends);
	json_t *error = json_object_get(
		json_object_get(result, "structuredContent"), "error");

	ck_assert_int_eq(ends, 1);
	ck_assert(json_is_true(json_object_get(result, "isError")));
	ck_assert_str_eq(json_string_value(json_object_get(error, "code")),
			 "not_found");
	ck_assert_str_eq(json_string_value(json_object_get(error, "message")),
			 "a: no such file");
	json_decref(result);
}
END_TEST

START_TEST(test_frame_every_tool_is_described_and_named_once)
{
	const struct tool *const *all = tool_all();

	for (size_t i = 0; all[i]; i++) {
		json_t *entry = tool_describe(all[i]);

		ck_assert_msg(entry != NULL, "%s", all[i]->name);
		ck_assert_ptr_nonnull(all[i]->start);
		json_decref(entry);
		for (size_t j = 0; j < i; j++)
			ck_assert_str_ne(all[i]->name, all[j]->name);
	}
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("tool-frame");
	TCase *tcase = tcase_create("tool-frame");

	tcase_add_loop_test(
		tcase, test_frame_wrong_argument_names_field_expected_and_got,
		0, sizeof(refused) / sizeof(refused[0]));
	tcase_add_test(tcase, test_frame_right_arguments_pass);
	tcase_add_test(tcase,
		       test_frame_alias_becomes_the_name_and_null_is_not_given);
	tcase_add_test(tcase,
		       test_frame_schema_has_each_parameter_and_no_other);
	tcase_add_test(tcase,
		       test_frame_result_says_where_and_how_long_and_is_utf8);
	tcase_add_test(tcase,
		       test_frame_failure_has_code_and_message_and_one_end);
	tcase_add_test(tcase,
		       test_frame_every_tool_is_described_and_named_once);
	suite_add_tcase(suite, tcase);
	return suite;
}
