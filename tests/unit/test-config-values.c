// SPDX-License-Identifier: Apache-2.0
/*
 * Values with units, and texts of several parts.
 */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "controller/config/config.h"
#include "controller/config/value.h"
#include "tests/unit/runner.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define BAD UINT64_MAX

static struct cfg_tree *tree;
static struct cfg_problems problems;

static void setup(void)
{
	tree = cfg_tree_new();
	problems = (struct cfg_problems)CFG_PROBLEMS_INIT;
}

static void teardown(void)
{
	cfg_tree_free(tree);
	cfg_problems_fini(&problems);
}

/* A value from its JSON5. */
static struct cfg_node *value(const char *text)
{
	struct cfg_node *node =
		cfg_json5_parse(tree, text, strlen(text), 0, &problems);

	ck_assert_msg(node, "%s", text);
	return node;
}

struct number {
	const char *text;
	uint64_t want;
};

static void check_numbers(const struct number *list, size_t count,
			  int (*read)(const struct cfg_node *, uint64_t *))
{
	for (size_t i = 0; i < count; i++) {
		uint64_t got = 0;

		if (read(value(list[i].text), &got) < 0)
			got = BAD;
		ck_assert_msg(got == list[i].want,
			      "%s: %" PRIu64 ", not %" PRIu64, list[i].text,
			      got, list[i].want);
	}
}

/* Docker's units, all powers of 1024. */
static const struct number sizes[] = {
	{ "0", 0 },
	{ "1048576", 1048576 },
	{ "1e6", 1000000 },
	{ "'512'", 512 },
	{ "'512b'", 512 },
	{ "'512m'", 512ull << 20 },
	{ "'512M'", 512ull << 20 },
	{ "'512mb'", 512ull << 20 },
	{ "'512MiB'", 512ull << 20 },
	{ "'1g'", 1ull << 30 },
	{ "'1.5g'", 3ull << 29 },
	{ "'0.5k'", 512 },
	{ "'64k'", 65536 },
	{ "'64kb'", 65536 },
	{ "'64 KB'", 65536 },
	{ "'2t'", 2ull << 40 },
	{ "'12 bananas'", BAD },
	{ "''", BAD },
	{ "'m'", BAD },
	{ "'-1'", BAD },
	{ "-1", BAD },
	{ "'1,5g'", BAD },
	{ "'1.g'", BAD },
	{ "'.5g'", BAD },
	{ "'1g '", BAD },
	{ "'1g x'", BAD },
	{ "'0x10'", BAD },
	{ "'1e3'", BAD },
	{ "'99999999999999999999'", BAD },
	{ "'2000000t'", BAD },
	{ "1.5", BAD },
	{ "Infinity", BAD },
	{ "NaN", BAD },
	{ "true", BAD },
	{ "[]", BAD },
	{ "'1\\u00000'", BAD },
};

/* MiniBot's units, of which those with an i alone are powers of 1024. */
static const struct number bytes[] = {
	{ "'64KB'", 64000 },
	{ "'64kb'", 64000 },
	{ "'64K'", 64000 },
	{ "'64KiB'", 65536 },
	{ "'2MiB'", 2097152 },
	{ "'5MB'", 5000000 },
	{ "'1.5MB'", 1500000 },
	{ "'1GB'", 1000000000 },
	{ "262144", 262144 },
	{ "'262144'", 262144 },
	{ "'64XB'", BAD },
	{ "'KB'", BAD },
	{ "-1", BAD },
};

static const struct number swaps[] = {
	{ "-1", UINT64_MAX }, /* unlimited */
	{ "'-1'", UINT64_MAX },
	{ "'2g'", 2ull << 30 },
	{ "0", 0 },
};

static const struct number durations[] = {
	{ "30", 30000 },
	{ "'30'", 30000 },
	{ "'30s'", 30000 },
	{ "'500ms'", 500 },
	{ "'5m'", 300000 },
	{ "'2h'", 7200000 },
	{ "'1.5m'", 90000 },
	{ "'5 minutes'", BAD },
	{ "'1d'", BAD },
	{ "-5", BAD },
	{ "1e300", BAD },
	{ "9223372036854775807", BAD },
};

static const struct number processors[] = {
	{ "1", 100000 },
	{ "0.5", 50000 },
	{ "1.25", 125000 },
	{ "0.01", 1000 },
	{ "4096", 409600000 },
	{ "0.001", BAD },
	{ "0", BAD },
	{ "-1", BAD },
	{ "4097", BAD },
	{ "'1'", BAD },
	{ "NaN", BAD },
};

START_TEST(test_config_value_numbers_with_units)
{
	check_numbers(sizes, COUNT(sizes), cfg_value_size);
	check_numbers(bytes, COUNT(bytes), cfg_value_bytes);
	check_numbers(durations, COUNT(durations), cfg_value_duration);
	check_numbers(processors, COUNT(processors), cfg_value_cpus);
	for (size_t i = 0; i < COUNT(swaps); i++) {
		uint64_t got = 1;

		ck_assert_int_eq(cfg_value_swap(value(swaps[i].text), &got), 0);
		ck_assert_uint_eq(got, swaps[i].want);
	}
}
END_TEST

static const struct {
	const char *text;
	const char *target; /* NULL: refused */
	uint64_t size;
	uint32_t mode;
	bool noexec;
	const char *expects;
} tmpfs[] = {
	{ "'/tmp'", "/tmp", 0, 0, false, NULL },
	{ "'/tmp:size=64m,mode=1777'", "/tmp", 64 << 20, 01777, false, NULL },
	{ "'/run:rw,noexec,nosuid,nodev,size=65536k'", "/run", 64 << 20, 0,
	  true, NULL },
	{ "'/x:mode=700,exec'", "/x", 0, 0700, false, NULL },
	{ "'tmp'", NULL, 0, 0, false, "an absolute path inside" },
	{ "'/'", NULL, 0, 0, false, "a path inside below the root" },
	{ "'/a/../b'", NULL, 0, 0, false, "a path inside without \"..\"" },
	{ "'/tmp:'", NULL, 0, 0, false, "an option of" },
	{ "'/tmp:suid'", NULL, 0, 0, false, "an option of" },
	{ "'/tmp:ro'", NULL, 0, 0, false, "an option of" },
	{ "'/tmp:uid=1000'", NULL, 0, 0, false, "an option of" },
	{ "'/tmp:size=50%'", NULL, 0, 0, false, "a size such as 64m" },
	{ "'/tmp:size=0'", NULL, 0, 0, false, "a size such as 64m" },
	{ "'/tmp:mode=8'", NULL, 0, 0, false, "an octal mode" },
	{ "'/tmp:mode=7777'", NULL, 0, 0, false, "an octal mode" },
	{ "'/tmp:size=1m,,mode=1'", NULL, 0, 0, false, "an option of" },
	{ "7", NULL, 0, 0, false, "PATH or PATH:size=SIZE,mode=MODE" },
};

START_TEST(test_config_value_tmpfs)
{
	for (size_t i = 0; i < COUNT(tmpfs); i++) {
		struct cfg_why why = { .text = "" };
		struct cfg_tmpfs out;
		int ret = cfg_read_tmpfs(tree, value(tmpfs[i].text), &out,
					 &why);

		ck_assert_msg((ret == 0) == (tmpfs[i].target != NULL), "%s: %s",
			      tmpfs[i].text, why.text);
		if (ret < 0) {
			ck_assert_msg(!strncmp(why.text, tmpfs[i].expects,
					       strlen(tmpfs[i].expects)),
				      "%s: %s", tmpfs[i].text, why.text);
			continue;
		}
		ck_assert_str_eq(out.target, tmpfs[i].target);
		ck_assert_uint_eq(out.size, tmpfs[i].size);
		ck_assert_uint_eq(out.mode, tmpfs[i].mode);
		ck_assert_int_eq(out.noexec, tmpfs[i].noexec);
	}
}
END_TEST

static const struct {
	const char *text;
	const char *source; /* NULL: refused */
	const char *target;
	bool readonly;
	const char *expects;
	const char *found;
} binds[] = {
	{ "'/home/user/source:/source:ro'", "/home/user/source", "/source",
	  true, NULL, NULL },
	{ "'/var/run/docker.sock:/var/run/docker.sock'",
	  "/var/run/docker.sock", "/var/run/docker.sock", false, NULL, NULL },
	{ "'/mnt/cache:/cache:rw'", "/mnt/cache", "/cache", false, NULL, NULL },
	{ "'~/x:/x'", "/home/u/x", "/x", false, NULL, NULL },
	{ "'~:/x:ro'", "/home/u", "/x", true, NULL, NULL },
	{ "'source:/x'", NULL, NULL, false,
	  "a source that begins with / or ~/", "" },
	{ "'./source:/x'", NULL, NULL, false,
	  "a source that begins with / or ~/", "" },
	{ "'~other/x:/x'", NULL, NULL, false,
	  "a source that begins with / or ~/", "" },
	{ "'/a'", NULL, NULL, false, "SOURCE:TARGET or SOURCE:TARGET:MODE",
	  "" },
	{ "''", NULL, NULL, false, "SOURCE:TARGET or SOURCE:TARGET:MODE", "" },
	{ "7", NULL, NULL, false, "SOURCE:TARGET or SOURCE:TARGET:MODE", "" },
	{ "'/a:/b:ro:x'", NULL, NULL, false, "SOURCE:TARGET:MODE, so at most",
	  "" },
	{ "'/a::ro'", NULL, NULL, false, "SOURCE:TARGET:MODE with no part",
	  "" },
	{ "':/b'", NULL, NULL, false, "SOURCE:TARGET:MODE with no part", "" },
	{ "'/a:'", NULL, NULL, false, "SOURCE:TARGET:MODE with no part", "" },
	{ "'/a:/b:'", NULL, NULL, false, "SOURCE:TARGET:MODE with no part",
	  "" },
	{ "'/a:b'", NULL, NULL, false, "an absolute path inside", "" },
	{ "'/a:/'", NULL, NULL, false, "a path inside below the root", "" },
	{ "'/a:/b/../..'", NULL, NULL, false, "a path inside without", "" },
	{ "'/a:/b:Z'", NULL, NULL, false, "the mode ro or rw", "Z" },
	{ "'/a:/b:ro,z'", NULL, NULL, false, "the mode ro or rw", "z" },
	{ "'/a:/b:rshared'", NULL, NULL, false, "the mode ro or rw",
	  "rshared" },
	{ "'/a:/b:ro,'", NULL, NULL, false, "the mode ro or rw", "" },
	{ "'/a:/b:RO'", NULL, NULL, false, "the mode ro or rw", "RO" },
	{ "'/a\\nb:/b'", NULL, NULL, false, "a source that begins", "" },
	{ "'/a:/b\\n'", NULL, NULL, false, "a path inside without control",
	  "" },
	{ "'/a\\u0000:/b'", NULL, NULL, false,
	  "SOURCE:TARGET or SOURCE:TARGET:MODE", "" },
};

START_TEST(test_config_value_binds)
{
	for (size_t i = 0; i < COUNT(binds); i++) {
		struct cfg_why why = { .text = "" };
		struct cfg_bind out;
		int ret = cfg_read_bind(tree, value(binds[i].text), "/home/u",
					&out, &why);

		ck_assert_msg((ret == 0) == (binds[i].source != NULL), "%s: %s",
			      binds[i].text, why.text);
		if (ret < 0) {
			ck_assert_msg(!strncmp(why.text, binds[i].expects,
					       strlen(binds[i].expects)),
				      "%s: %s", binds[i].text, why.text);
			ck_assert_str_eq(why.found, binds[i].found);
			continue;
		}
		ck_assert_str_eq(out.source, binds[i].source);
		ck_assert_str_eq(out.target, binds[i].target);
		ck_assert_int_eq(out.readonly, binds[i].readonly);
	}
}
END_TEST

static const struct {
	const char *text;
	bool good;
	uint64_t soft, hard;
} ulimits[] = {
	{ "{ nofile: 1024 }", true, 1024, 1024 },
	{ "{ nofile: '1024:2048' }", true, 1024, 2048 },
	{ "{ nofile: '1024' }", true, 1024, 1024 },
	{ "{ nofile: { soft: 1024, hard: 2048 } }", true, 1024, 2048 },
	{ "{ nofile: { soft: 1024 } }", true, 1024, 1024 },
	{ "{ nofile: { hard: 2048, soft: null } }", true, 2048, 2048 },
	{ "{ core: 0 }", true, 0, 0 },
	{ "{ memlock: -1 }", true, UINT64_MAX, UINT64_MAX },
	{ "{ memlock: 'unlimited' }", true, UINT64_MAX, UINT64_MAX },
	{ "{ memlock: '1024:unlimited' }", true, 1024, UINT64_MAX },
	{ "{ memlock: '-1:-1' }", true, UINT64_MAX, UINT64_MAX },
	{ "{ nofile: '2048:1024' }", false, 0, 0 },
	{ "{ nofile: { soft: 2, hard: 1 } }", false, 0, 0 },
	{ "{ nofile: {} }", false, 0, 0 },
	{ "{ nofile: { sofd: 1 } }", false, 0, 0 },
	{ "{ nofile: '1:2:3' }", false, 0, 0 },
	{ "{ nofile: '' }", false, 0, 0 },
	{ "{ nofile: -2 }", false, 0, 0 },
	{ "{ nofile: 1.5 }", false, 0, 0 },
	{ "{ nofile: true }", false, 0, 0 },
	{ "{ nofile: [1, 2] }", false, 0, 0 },
	{ "{ NOFILE: 1 }", false, 0, 0 },
	{ "{ files: 1 }", false, 0, 0 },
};

START_TEST(test_config_value_ulimits)
{
	for (size_t i = 0; i < COUNT(ulimits); i++) {
		struct cfg_ulimit out;
		const struct cfg_node *object = value(ulimits[i].text);
		int ret = cfg_value_ulimit(object->first, &out);

		ck_assert_msg((ret == 0) == ulimits[i].good, "%s",
			      ulimits[i].text);
		if (ret < 0)
			continue;
		ck_assert_str_eq(out.name, object->first->key);
		ck_assert_uint_eq(out.soft, ulimits[i].soft);
		ck_assert_uint_eq(out.hard, ulimits[i].hard);
	}
}
END_TEST

static const struct {
	const char *text;
	const char *name; /* NULL: refused */
	const char *address;
} hosts[] = {
	{ "'db:10.0.0.1'", "db", "10.0.0.1" },
	{ "'a.b-c_d.example:127.0.0.1'", "a.b-c_d.example", "127.0.0.1" },
	{ "'db:::1'", "db", "::1" },
	{ "'db:[fe80::1]'", "db", "fe80::1" },
	{ "'db'", NULL, NULL },
	{ "'db:'", NULL, NULL },
	{ "':10.0.0.1'", NULL, NULL },
	{ "'db:host-gateway'", NULL, NULL },
	{ "'db:10.0.0'", NULL, NULL },
	{ "'db:010.0.0.1'", NULL, NULL },
	{ "'db:10.0.0.1:80'", NULL, NULL },
	{ "'d b:10.0.0.1'", NULL, NULL },
	{ "'d\\nb:10.0.0.1'", NULL, NULL },
	{ "'db:10.0.0.1\\n6.6.6.6 bank'", NULL, NULL },
	{ "7", NULL, NULL },
};

START_TEST(test_config_value_hosts)
{
	for (size_t i = 0; i < COUNT(hosts); i++) {
		struct cfg_host out;
		int ret = cfg_value_host(tree, value(hosts[i].text), &out);

		ck_assert_msg((ret == 0) == (hosts[i].name != NULL), "%s",
			      hosts[i].text);
		if (ret < 0)
			continue;
		ck_assert_str_eq(out.name, hosts[i].name);
		ck_assert_str_eq(out.address, hosts[i].address);
	}
}
END_TEST

START_TEST(test_config_value_capabilities)
{
	ck_assert_int_eq(cfg_value_cap("ALL"), CFG_CAP_ALL);
	ck_assert_int_eq(cfg_value_cap("all"), CFG_CAP_ALL);
	ck_assert_int_eq(cfg_value_cap("CHOWN"), 0);
	ck_assert_int_eq(cfg_value_cap("CAP_NET_RAW"), 13);
	ck_assert_int_eq(cfg_value_cap("cap_sys_admin"), 21);
	ck_assert_int_eq(cfg_value_cap("checkpoint_restore"), 40);
	ck_assert_int_eq(cfg_value_cap("CAP_"), -1);
	ck_assert_int_eq(cfg_value_cap(""), -1);
	ck_assert_int_eq(cfg_value_cap("NETRAW"), -1);
}
END_TEST

START_TEST(test_config_value_users)
{
	static const char *const good[] = { "", "0", "0:0", "1000:1000",
					    "65535", "node", "_x.y-z" };
	static const char *const bad[] = { "65536", "0:", ":0", "0:x",
					   "0:0:0", "-1", "a b", "a:b",
					   "0x10", "\xc3\xa9" };

	for (size_t i = 0; i < COUNT(good); i++)
		ck_assert_msg(cfg_read_user(good[i], NULL) == 0, "%s", good[i]);
	for (size_t i = 0; i < COUNT(bad); i++)
		ck_assert_msg(cfg_read_user(bad[i], NULL) < 0, "%s", bad[i]);
}
END_TEST

START_TEST(test_config_value_scalars_become_text)
{
	ck_assert_str_eq(cfg_value_text(tree, value("'a b'")), "a b");
	ck_assert_str_eq(cfg_value_text(tree, value("7")), "7");
	ck_assert_str_eq(cfg_value_text(tree, value("-0.5")), "-0.5");
	ck_assert_str_eq(cfg_value_text(tree, value("true")), "true");
	ck_assert_str_eq(cfg_value_text(tree, value("false")), "false");
	ck_assert_ptr_null(cfg_value_text(tree, value("[]")));
	ck_assert_ptr_null(cfg_value_text(tree, value("null")));
}
END_TEST

static const struct {
	const char *text;
	const char *id;
} ids[] = {
	{ "main", "main" },
	{ "Main", "main" },
	{ "  work  ", "work" },
	{ "a_b-c", "a_b-c" },
	{ "a-", "a-" }, /* it is an id already */
	{ "Support Team!", "support-team" },
	{ "--x--y--", "x--y" },
	{ "_x", "_x" },
	{ "a..b//c", "a-b-c" },
	{ "", "main" },
	{ "   ", "main" },
	{ "!!!", "main" },
	{ "-", "main" },
	{ "\xe5\xae\xb6\xe5\xba\xad", "main" },
	{ "caf\xc3\xa9 1", "caf-1" },
	{ "0123456789012345678901234567890123456789012345678901234567890123",
	  "0123456789012345678901234567890123456789012345678901234567890123" },
	{ "01234567890123456789012345678901234567890123456789012345678901234",
	  "0123456789012345678901234567890123456789012345678901234567890123" },
	{ "012345678901234567890123456789012345678901234567890123456789012 x",
	  "012345678901234567890123456789012345678901234567890123456789012-" },
	{ "012345678901234567890123456789012345678901234567890123456789012 !",
	  "012345678901234567890123456789012345678901234567890123456789012" },
};

START_TEST(test_config_agent_ids_are_folded)
{
	char id[CFG_AGENT_ID_MAX + 1];

	for (size_t i = 0; i < COUNT(ids); i++) {
		cfg_agent_fold(ids[i].text, id);
		ck_assert_str_eq(id, ids[i].id);
	}
}
END_TEST

START_TEST(test_config_nearest_name)
{
	static const char *const names[] = { "memory", "memorySwap", "mode",
					     "cpus", "id" };
	static const struct {
		const char *name;
		const char *nearest;
	} table[] = {
		{ "memroy", "memory" },	   { "Memory", "memory" },
		{ "mem", NULL },	   { "memory_swap", "memorySwap" },
		{ "memoryswap", "memorySwap" }, { "cpu", "cpus" },
		{ "mod", "mode" },	   { "mdoe", "mode" },
		{ "bananas", NULL },	   { "is", NULL },
		{ "ID", "id" },		   { "", NULL },
	};

	for (size_t i = 0; i < COUNT(table); i++) {
		const char *got =
			cfg_nearest(table[i].name, names, COUNT(names));

		ck_assert_msg(got == table[i].nearest ||
				      (got && table[i].nearest &&
				       !strcmp(got, table[i].nearest)),
			      "%s: %s", table[i].name, got ? got : "none");
	}
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("config-values");
	TCase *tests = tcase_create("values");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, test_config_value_numbers_with_units);
	tcase_add_test(tests, test_config_value_tmpfs);
	tcase_add_test(tests, test_config_value_binds);
	tcase_add_test(tests, test_config_value_ulimits);
	tcase_add_test(tests, test_config_value_hosts);
	tcase_add_test(tests, test_config_value_capabilities);
	tcase_add_test(tests, test_config_value_users);
	tcase_add_test(tests, test_config_value_scalars_become_text);
	tcase_add_test(tests, test_config_agent_ids_are_folded);
	tcase_add_test(tests, test_config_nearest_name);
	suite_add_tcase(suite, tests);
	return suite;
}
