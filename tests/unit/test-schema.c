// SPDX-License-Identifier: Apache-2.0
/*
 * The table of keys against itself: each row takes what it says it takes, at
 * each place where it may stand, in both syntaxes, and refuses the rest by its
 * name.
 */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "controller/config/config.h"
#include "controller/config/show.h"
#include "tests/unit/runner.h"

#define TEXT_BYTES 1024

/* A value that a kind takes, and two that it does not. */
struct example {
	enum cfg_kind kind;
	const char *good;
	const char *bad[2];
};

static const struct example examples[] = {
	{ CFG_KIND_BOOL, "true", { "\"yes\"", "1" } },
	{ CFG_KIND_STRING, "\"x\"", { "7", "[\"x\"]" } },
	{ CFG_KIND_SIZE, "\"512m\"", { "\"12 bananas\"", "true" } },
	{ CFG_KIND_BYTES, "\"64KB\"", { "\"64XB\"", "[]" } },
	{ CFG_KIND_DURATION, "\"90s\"", { "\"soon\"", "\"100h\"" } },
	{ CFG_KIND_PATH, "\"~/x\"", { "\"x/y\"", "\"~other/x\"" } },
	{ CFG_KIND_PATH_LIST, "[\"/x\", \"~/y\"]", { "[\"x\"]", "\"/x\"" } },
	{ CFG_KIND_TARGET, "\"/x\"", { "\"~/x\"", "\"/x/../y\"" } },
	{ CFG_KIND_STRINGS, "[\"x\"]", { "[7]", "\"x\"" } },
	{ CFG_KIND_STRING_OR_STRINGS, "[\"x\"]", { "[7]", "7" } },
	{ CFG_KIND_MAP, "{ \"A\": \"b\" }", { "\"A=b\"", "[\"A=b\"]" } },
	{ CFG_KIND_ULIMITS, "{ \"nofile\": 1024 }", { "7", "[1024]" } },
	{ CFG_KIND_BIND_LIST, "[\"/x:/y:ro\"]", { "[\"x:/y\"]", "\"/x:/y\"" } },
	{ CFG_KIND_TMPFS_LIST, "[\"/x:size=1m\"]", { "[\"x\"]", "\"/x\"" } },
	{ CFG_KIND_HOST_LIST, "[\"a:::1\"]", { "[\"a\"]", "\"a:::1\"" } },
	{ CFG_KIND_ADDRESS_LIST, "[\"1.1.1.1\"]", { "[\"one\"]", "7" } },
	{ CFG_KIND_CAP_LIST, "[\"ALL\"]", { "[\"SOME\"]", "\"ALL\"" } },
	{ CFG_KIND_NAME, "\"a.b-\"", { "\"a b\"", "\"-x\"" } },
	{ CFG_KIND_USER, "\"0:0\"", { "\"0:x\"", "7" } },
	{ CFG_KIND_PROTECT_LIST, "[\"!a/b\"]", { "[\"/a\"]", "\"a\"" } },
	{ CFG_KIND_PORT_LIST, "[80]", { "[0]", "80" } },
	{ CFG_KIND_LISTS, "{ \"c\": [\"s\"] }", { "[\"s\"]", "\"s\"" } },
};

static const struct example *example_of(enum cfg_kind kind)
{
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++)
		if (examples[i].kind == kind)
			return &examples[i];
	ck_abort_msg("kind %d has no example", kind);
	return NULL;
}

/* {"agents": {"list": [{"id": "x", "sandbox": {"mode": VALUE}}]}} */
static void nest(const char *path, const char *value, char *text)
{
	char after[64] = "";
	bool top = true;

	text[0] = '\0';
	while (*path) {
		size_t len = strcspn(path, ".");
		bool list = path[len - 1] == ']';
		bool id = list && strcmp(path + len, ".id") == 0;

		(void)snprintf(text + strlen(text), TEXT_BYTES, "%s\"%.*s\": ",
			       top ? "{" : "", (int)len - 2 * list,
			       *path == '*' ? "p" : path);
		path += len + (path[len] == '.');
		if (list) {
			strncat(text, id ? "[{" : "[{\"id\": \"x\", ", 32);
			memmove(after + 2, after, strlen(after) + 1);
			memcpy(after, "}]", 2);
		} else if (*path) {
			strncat(text, "{", 2);
			memmove(after + 1, after, strlen(after) + 1);
			after[0] = '}';
		}
		top = false;
	}
	(void)snprintf(text + strlen(text), TEXT_BYTES, "%s%s}", value, after);
}

/* "agents.list[0].x", as problems name it */
static void name_of(const char *path, char *name)
{
	for (; *path; path++) {
		if (*path == '*')
			*name++ = 'p';
		else
			*name++ = *path;
		if (*path == '[')
			*name++ = '0';
	}
	*name = '\0';
}

static void check_json5(const char *text, struct cfg_problems *problems)
{
	struct cfg_tree *tree = cfg_tree_new();
	struct cfg_node *root = cfg_json5_parse(tree, text, strlen(text), 0,
						problems);

	ck_assert_msg(root, "%s", text);
	(void)cfg_schema_check(root, false, problems);
	cfg_tree_free(tree);
}

/* Is refused, and the first problem begins with the key's name. */
static void expect_bad(const char *path, const char *value)
{
	struct cfg_problems problems = CFG_PROBLEMS_INIT;
	char text[TEXT_BYTES];
	char name[128];

	nest(path, value, text);
	name_of(path, name);
	check_json5(text, &problems);
	ck_assert_msg(problems.errors > 0, "%s was taken", text);
	ck_assert_msg(!strncmp(problems.list[0].text, name, strlen(name)),
		      "%s: %s", text, problems.list[0].text);
	ck_assert_ptr_nonnull(strstr(problems.list[0].text, "expected "));
	ck_assert_uint_gt(problems.list[0].pos.column, strlen("{"));
	cfg_problems_fini(&problems);
}

static void expect_good(const char *path, const char *value)
{
	struct cfg_problems problems = CFG_PROBLEMS_INIT;
	char text[TEXT_BYTES];

	nest(path, value, text);
	check_json5(text, &problems);
	ck_assert_msg(problems.count == 0, "%s: %s", text,
		      problems.count ? problems.list[0].text : "");
	cfg_problems_fini(&problems);
}

/* The same said in TOML, where that has the words for it. */
static void expect_good_toml(const char *path, const char *value)
{
	static const char list[] = "agents.list[].";
	struct cfg_problems problems = CFG_PROBLEMS_INIT;
	struct cfg_tree *tree = cfg_tree_new();
	struct cfg_node *root;
	char text[TEXT_BYTES];
	char name[128];

	if (strncmp(path, list, strlen(list)) == 0) {
		path += strlen(list);
		name_of(path, name);
		(void)snprintf(text, sizeof(text), "[[agents.list]]\n%s%s = %s",
			       strcmp(path, "id") ? "id = \"x\"\n" : "", name,
			       value);
	} else {
		name_of(path, name);
		(void)snprintf(text, sizeof(text), "%s = %s", name, value);
	}
	root = cfg_toml_parse(tree, text, strlen(text), 0, &problems);
	ck_assert_msg(root, "%s", text);
	ck_assert_msg(cfg_schema_check(root, true, &problems) == 0, "%s", text);
	ck_assert_uint_eq(problems.count, 0);
	cfg_tree_free(tree);
	cfg_problems_fini(&problems);
}

static void check_number(const struct cfg_key *key, const char *path)
{
	char value[64];

	expect_bad(path, "\"7\"");
	expect_bad(path, "true");
	if (key->kind == CFG_KIND_INTEGER)
		expect_bad(path, "1.5");
	ck_assert_msg(key->max > key->min, "%s has no range", path);
	(void)snprintf(value, sizeof(value), "%.17g", key->min);
	expect_good(path, value);
	(void)snprintf(value, sizeof(value), "%.0f", key->max);
	expect_good(path, value);
	expect_good_toml(path, value);
	(void)snprintf(value, sizeof(value), "%.0f", key->min - 1);
	expect_bad(path, value);
	(void)snprintf(value, sizeof(value), "%.0f", key->max + 1);
	expect_bad(path, value);
}

static void check_choices(const struct cfg_key *key, const char *path)
{
	char value[64];

	for (size_t i = 0; key->choices[i]; i++) {
		(void)snprintf(value, sizeof(value), "\"%s\"",
			       key->choices[i]);
		expect_good(path, value);
		expect_good_toml(path, value);
		value[1] = (char)(value[1] - 'a' + 'A'); /* case counts */
		expect_bad(path, value);
	}
	expect_bad(path, "true");
	expect_bad(path, "\"\"");
}

START_TEST(test_schema_each_row_takes_what_it_says_and_nothing_else)
{
	const struct cfg_key *key = cfg_key_at((size_t)_i);
	const struct example *example;
	char paths[2][96];
	size_t count = cfg_key_paths(key, paths);

	ck_assert_uint_gt(count, 0);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(key->path, "id") != 0)
			expect_good(paths[i], "null");
		if (key->kind == CFG_KIND_INTEGER ||
		    key->kind == CFG_KIND_NUMBER) {
			check_number(key, paths[i]);
			continue;
		}
		if (key->kind == CFG_KIND_ENUM) {
			check_choices(key, paths[i]);
			continue;
		}
		example = example_of(key->kind);
		expect_good(paths[i], example->good);
		expect_bad(paths[i], example->bad[0]);
		expect_bad(paths[i], example->bad[1]);
		expect_bad(paths[i], "1.5e300");
		if (!strchr(example->good, '{'))
			expect_good_toml(paths[i], example->good);
	}
}
END_TEST

START_TEST(test_schema_each_row_is_written_once_and_in_full)
{
	const struct cfg_key *key = cfg_key_at((size_t)_i);
	size_t len = strlen(key->help);

	ck_assert_ptr_eq(cfg_key_find(key->place, key->path), key);
	ck_assert_uint_eq(cfg_key_index(key), (size_t)_i);
	ck_assert_msg(len > 10 && key->help[len - 1] == '.', "%s", key->help);
	ck_assert_int_ne(key->kind, CFG_KIND_INVALID);
	ck_assert(key->kind != CFG_KIND_ENUM || key->choices);
	ck_assert_str_ne(cfg_kind_expects(key->kind), "nothing");
}
END_TEST

/* A letter dropped from a name is told, with the name. */
START_TEST(test_schema_each_name_is_guessed_from_a_misspelt_one)
{
	const struct cfg_key *key = cfg_key_at((size_t)_i);
	struct cfg_problems problems = CFG_PROBLEMS_INIT;
	char paths[2][96];
	char text[TEXT_BYTES];
	char hint[160];
	const char *name;

	(void)cfg_key_paths(key, paths);
	name = strrchr(paths[0], '.') + 1;
	if (strlen(name) < 3)
		return;
	(void)snprintf(hint, sizeof(hint), "did you mean \"%s\"?", name);
	paths[0][strlen(paths[0]) - 1] = '\0';
	nest(paths[0], "null", text);
	check_json5(text, &problems);
	ck_assert_msg(problems.count == 1, "%s: %zu", text, problems.count);
	ck_assert_str_eq(problems.list[0].hint, hint);
	ck_assert_ptr_nonnull(strstr(problems.list[0].text,
				     problems.errors ? ": unknown key" :
						       ", passed over"));
	cfg_problems_fini(&problems);
}
END_TEST

START_TEST(test_schema_defaults_are_valid)
{
	struct cfg_problems problems = CFG_PROBLEMS_INIT;
	struct cfg *cfg = cfg_load(NULL, "/home/u", "/home/u/state",
				   &problems);
	struct cfg_tree *mem = cfg_tree_new();
	struct cfg_node *tree = cfg_show_tree(cfg, mem, false);

	ck_assert_ptr_nonnull(tree);
	ck_assert_msg(cfg_schema_check(tree, false, &problems) == 0, "%s",
		      problems.count ? problems.list[0].text : "");
	ck_assert_uint_eq(problems.count, 0);
	for (size_t i = 0; cfg_key_at(i); i++)
		ck_assert_int_eq(cfg_key_at(i)->fallback == NULL,
				 cfg_fallback(cfg, cfg_key_at(i)) == NULL);
	cfg_tree_free(mem);
	cfg_free(cfg);
}
END_TEST

/* Names that the gateway has beside ours, at the places where it has them. */
static const char gateway[] =
	"{ meta: {}, env: { A: 'b' }, wizard: {}, logging: {}, update: {},"
	"  browser: {}, ui: {}, auth: {}, models: {}, nodeHost: {},"
	"  bindings: [], broadcast: {}, audio: {}, messages: {}, commands: {},"
	"  approvals: {}, cron: {}, hooks: {}, web: {}, channels: {},"
	"  discovery: {}, canvasHost: {}, talk: {}, gateway: { port: 1 },"
	"  skills: {}, plugins: {}, memory: {}, mcp: {},"
	"  media: { preserveFilenames: true, ttlHours: 2 },"
	"  session: { dmScope: 'main', identityLinks: {}, reset: {},"
	"    resetByType: {}, resetByChannel: {}, idleMinutes: 1,"
	"    resetTriggers: [], store: 'x', typingMode: 'never',"
	"    sendPolicy: {}, agentToAgent: {} },"
	"  agents: {"
	"    defaults: { model: {}, imageModel: {}, models: {},"
	"      repoRoot: 'x', skipBootstrap: true, bootstrapMaxChars: 1,"
	"      userTimezone: 'x', contextTokens: 1, cliBackends: {},"
	"      memorySearch: {}, contextPruning: {}, compaction: {},"
	"      thinkingDefault: 'x', verboseDefault: 'x', heartbeat: {},"
	"      elevatedDefault: 'x', blockStreamingDefault: 'x',"
	"      humanDelay: {}, timeoutSeconds: 1, mediaMaxMb: 1,"
	"      typingIntervalSeconds: 1, maxConcurrent: 1, subagents: {} },"
	"    list: [{ id: 'x', agentDir: 'y', model: 'z', skills: [],"
	"      memorySearch: {}, humanDelay: {}, heartbeat: {}, identity: {},"
	"      groupChat: {}, subagents: { allowAgents: [] },"
	"      tools: { exec: { host: 'gateway' } } }] },"
	"  tools: { web: {}, media: {}, links: {}, message: {},"
	"    agentToAgent: { enabled: true, allow: ['*'] }, exec: {},"
	"    subagents: { model: 'x' } } }";

static const char minibot[] =
	"runtime.log_level = 'DEBUG'\n"
	"llm.openrouter.provider = {}\n"
	"channels.telegram.bot_token = 'x'\n"
	"providers.x = {}\n"
	"memory.backend = 'sqlite'\n"
	"orchestration.main_agent = {}\n"
	"scheduler.prompts.enabled = true\n"
	"logging.structured = true\n"
	"rabbitmq.enabled = false\n"
	"[tools]\n"
	"kv_memory.enabled = false\n"
	"http_client.max_bytes = '16KB'\n"
	"time = {}\n"
	"wait = {}\n"
	"calculator = {}\n"
	"grep = {}\n"
	"browser = {}\n"
	"playwright = {}\n"
	"audio_transcription = {}\n"
	"mcp.servers = []\n"
	"skills = {}\n"
	"tasks = {}\n"
	"[tools.python_exec]\n"
	"python_path = ''\n"
	"venv_path = ''\n"
	"artifacts_jail_shared_dir = ''\n"
	"jail.command_prefix = []\n";

START_TEST(test_schema_the_gateways_keys_are_passed_over)
{
	struct cfg_problems problems = CFG_PROBLEMS_INIT;

	check_json5(gateway, &problems);
	ck_assert_msg(problems.count == 0, "%s", problems.list[0].text);
}
END_TEST

START_TEST(test_schema_minibots_keys_are_passed_over)
{
	struct cfg_problems problems = CFG_PROBLEMS_INIT;
	struct cfg_tree *tree = cfg_tree_new();
	struct cfg_node *root = cfg_toml_parse(
		tree, minibot, strlen(minibot), 0, &problems);

	ck_assert_ptr_nonnull(root);
	(void)cfg_schema_check(root, true, &problems);
	ck_assert_msg(problems.count == 0, "%s", problems.list[0].text);
	cfg_tree_free(tree);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("schema");
	TCase *tests = tcase_create("schema");
	int rows = 0;

	while (cfg_key_at((size_t)rows))
		rows++;
	tcase_add_loop_test(
		tests, test_schema_each_row_takes_what_it_says_and_nothing_else,
		0, rows);
	tcase_add_loop_test(
		tests, test_schema_each_row_is_written_once_and_in_full, 0,
		rows);
	tcase_add_loop_test(
		tests, test_schema_each_name_is_guessed_from_a_misspelt_one, 0,
		rows);
	tcase_add_test(tests, test_schema_defaults_are_valid);
	tcase_add_test(tests,
		       test_schema_the_gateways_keys_are_passed_over);
	tcase_add_test(tests,
		       test_schema_minibots_keys_are_passed_over);
	suite_add_tcase(suite, tests);
	return suite;
}
