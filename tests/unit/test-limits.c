// SPDX-License-Identifier: Apache-2.0
/*
 * What a request says of limits, names and places, and in whose words it is
 * answered.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/core/files.h"
#include "controller/core/keys.h"
#include "controller/core/label.h"
#include "controller/core/spec.h"
#include "proto/cleanup.h"
#include "tests/unit/runner.h"

static struct ctl_spec *take(Ctl__Spec *msg, struct ctl_fail *fail)
{
	uint8_t byte;
	auto_frame frame;
	struct ctl_spec *spec;

	wire_frame_init(&frame, &byte, 1);
	*fail = (struct ctl_fail)CTL_FAIL_INIT;
	spec = ctl_spec_new(msg, &frame, NULL, fail);
	if (spec && ctl_spec_finish(spec, fail) == 0)
		return spec;
	ctl_spec_free(spec);
	return NULL;
}

static void refused(Ctl__Spec *msg, const char *part)
{
	struct ctl_fail fail;

	ck_assert_ptr_null(take(msg, &fail));
	ck_assert_msg(strstr(fail.err.text, part) != NULL, "%s",
		      fail.err.text);
}

START_TEST(test_limits_workdir_is_where_the_workspace_is)
{
	Ctl__Spec msg = CTL__SPEC__INIT;
	struct ctl_label label = { .name = "x", .kind = CTL_KIND_NAMED }, back;
	uint8_t bytes[WIRE_LABEL_MAX_BYTES];
	struct err err = ERR_INIT;
	struct ctl_fail fail;
	struct ctl_spec *spec;
	char longest[CTL_WORKDIR_MAX + 2];
	size_t len, found = 0;

	msg.workdir = (char *)"/srv//box/.";
	spec = take(&msg, &fail);
	ck_assert_ptr_nonnull(spec);
	for (size_t i = 0; i < spec->n_mounts; i++)
		found += strcmp(spec->mounts[i].target, "/srv/box") == 0;
	ck_assert_uint_eq(found, 1);
	ctl_label_from_spec(&label, spec);
	ck_assert_int_eq(ctl_label_pack(&label, bytes, &len, &err), 0);
	ck_assert_int_eq(ctl_label_unpack(bytes, len, &back, &err), 0);
	ck_assert_str_eq(back.workdir, "/srv/box");
	ctl_spec_free(spec);
	memset(longest, 'd', sizeof(longest));
	longest[0] = '/';
	longest[sizeof(longest) - 1] = '\0';
	msg.workdir = longest;
	refused(&msg, "longer than 255");
	longest[sizeof(longest) - 2] = '\0';
	spec = take(&msg, &fail);
	ck_assert_ptr_nonnull(spec);
	ctl_spec_free(spec);
	msg.workdir = (char *)"/dev/x";
	refused(&msg, "--workdir /dev/x");
	msg.workdir = (char *)"work";
	refused(&msg, "--workdir: the path is not absolute");
}
END_TEST

START_TEST(test_limits_swap_is_the_rest_or_all_or_none)
{
	static const struct {
		uint64_t memory, both, swap;
		bool good;
	} rows[] = {
		{ 1 << 30, 0, 0, true },
		{ 1 << 30, 1 << 30, 0, true },
		{ 1 << 30, 3U << 30, 2U << 30, true },
		{ 1 << 30, UINT64_MAX, UINT64_MAX, true },
		{ 0, UINT64_MAX, UINT64_MAX, true },
		{ 0, 1 << 30, 0, false },
		{ 1 << 30, 1 << 29, 0, false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		Ctl__Spec msg = CTL__SPEC__INIT;
		struct ctl_fail fail;
		struct ctl_spec *spec;

		msg.memory = rows[i].memory;
		msg.memory_swap = rows[i].both;
		spec = take(&msg, &fail);
		ck_assert_msg((spec != NULL) == rows[i].good, "row %zu", i);
		if (spec)
			ck_assert_uint_eq(spec->swap, rows[i].swap);
		else
			ck_assert_ptr_nonnull(strstr(fail.err.text,
						     "--memory-swap"));
		ctl_spec_free(spec);
	}
}
END_TEST

static const struct {
	const char *text;
	const char *want; /* NULL: refused */
} addresses[] = {
	{ "1.2.3.4", "nameserver 1.2.3.4\n" },
	{ "2001:DB8:0::1", "nameserver 2001:db8::1\n" },
	{ "[::1]", "nameserver ::1\n" },
	{ "[1.2.3.4]", NULL },
	{ "1.2.3", NULL },
	{ "1.2.3.4 ", NULL },
	{ "1.2.3.4\noptions x", NULL },
	{ "fe80::1%eth0", NULL },
	{ "dns.example", NULL },
	{ "", NULL },
	{ "[", NULL },
	{ "0x7f.1", NULL },
	{ "::::::::::::::::::::::::::::::::::::::::::::::::::", NULL },
};

START_TEST(test_limits_name_servers_are_addresses)
{
	char *list[] = { (char *)addresses[_i].text };
	Ctl__Spec msg = CTL__SPEC__INIT;
	struct ctl_fail fail;
	struct ctl_file file;
	struct ctl_spec *spec;

	msg.dns = list;
	msg.n_dns = 1;
	if (!addresses[_i].want) {
		refused(&msg, "--dns ");
		return;
	}
	spec = take(&msg, &fail);
	ck_assert_ptr_nonnull(spec);
	ctl_file_resolv(spec, &file);
	ck_assert_str_eq(file.text, addresses[_i].want);
	ck_assert_uint_eq(file.len, strlen(addresses[_i].want));
	/* With the host's network what else it says stays. */
	spec->host_net = true;
	ctl_file_resolv(spec, &file);
	ck_assert_ptr_nonnull(strstr(file.text, addresses[_i].want));
	ck_assert_ptr_null(strstr(strstr(file.text, "nameserver") + 1,
				  "nameserver"));
	ctl_spec_free(spec);
}
END_TEST

START_TEST(test_limits_hosts_are_lines_and_no_more)
{
	static const struct {
		const char *name, *address;
		bool good;
	} rows[] = {
		{ "db", "1.2.3.4", true },	{ "a_b.c-d", "::1", true },
		{ "", "1.2.3.4", false },	{ "-a", "1.2.3.4", false },
		{ "a b", "1.2.3.4", false },	{ "a\nb", "1.2.3.4", false },
		{ "a#", "1.2.3.4", false },	{ "a", "b", false },
		{ "a", "", false },		{ "a", "host-gateway", false },
		{ "\xc3\xa4", "1.2.3.4", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		Ctl__Host host = CTL__HOST__INIT, *list[] = { &host };
		Ctl__Spec msg = CTL__SPEC__INIT;
		struct ctl_fail fail;
		struct ctl_spec *spec;

		host.name = (char *)rows[i].name;
		host.address = (char *)rows[i].address;
		msg.hosts = list;
		msg.n_hosts = 1;
		spec = take(&msg, &fail);
		ck_assert_msg((spec != NULL) == rows[i].good, "%s",
			      rows[i].name);
		if (!spec)
			ck_assert_ptr_nonnull(strstr(fail.err.text,
						     "--add-host"));
		ctl_spec_free(spec);
	}
}
END_TEST

/* Whatever there is of them, the file holds all or the request is refused. */
START_TEST(test_limits_hosts_fit_their_file_or_are_refused)
{
	Ctl__Host hosts[CTL_MAX_HOSTS + 1], *list[CTL_MAX_HOSTS + 1];
	char names[CTL_MAX_HOSTS + 1][40];
	Ctl__Spec msg = CTL__SPEC__INIT;
	struct ctl_fail fail;
	struct ctl_file file;
	struct ctl_spec *spec;

	for (size_t i = 0; i <= CTL_MAX_HOSTS; i++) {
		ctl__host__init(&hosts[i]);
		(void)snprintf(names[i], sizeof(names[i]),
			       "name-of-a-host-%02zu", i);
		hosts[i].name = names[i];
		hosts[i].address = (char *)"10.0.0.1";
		list[i] = &hosts[i];
	}
	msg.hosts = list;
	for (size_t n = 1; n <= CTL_MAX_HOSTS + 1; n++) {
		msg.n_hosts = n;
		spec = take(&msg, &fail);
		if (n > CTL_MAX_HOSTS) {
			ck_assert_ptr_null(spec);
			break;
		}
		ck_assert_ptr_nonnull(spec);
		for (int net = 0; net < 2; net++) {
			spec->host_net = net;
			ctl_file_hosts(spec, &file);
			ck_assert_ptr_nonnull(strstr(file.text, names[n - 1]));
			ck_assert_int_eq(file.text[file.len - 1], '\n');
		}
		ctl_spec_free(spec);
	}
	for (size_t i = 0; i < CTL_MAX_HOSTS; i++)
		(void)snprintf(names[i], sizeof(names[i]),
			       "a-host-with-a-rather-long-name-%06zu", i);
	msg.n_hosts = CTL_MAX_HOSTS;
	refused(&msg, "--add-host: more than");
}
END_TEST

static const struct {
	const char *text, *want;
} renames[] = {
	{ "--memory: WHY", "agents.x.memory at c.json5:3: WHY" },
	{ "--memory-swap: less than --memory",
	  "agents.x.memorySwap: less than memory" },
	{ "--memory", "agents.x.memory at c.json5:3" },
	{ "--memoryx: WHY", "--memoryx: WHY" },
	{ "--pids: WHY", "--pids: WHY" },
	{ "x--memory: WHY", "x--memory: WHY" },
	{ "--memory 1g: WHY", "agents.x.memory at c.json5:3: 1g: WHY" },
	{ "--memory-swap 1g: WHY", "agents.x.memorySwap 1g: WHY" },
	{ "--", "--" },
	{ "", "" },
};

START_TEST(test_limits_messages_name_keys)
{
	struct ctl_keys *keys = ctl_keys_new();
	struct ctl_fail fail = CTL_FAIL_INIT;
	struct err err = ERR_INIT;
	char text[200], small[12] = "--memory: x";

	ck_assert_ptr_nonnull(keys);
	ck_assert_int_eq(ctl_keys_set(keys, CTL_FLAG_MEMORY,
				      "agents.x.memory at c.json5:3", &err),
			 0);
	ck_assert_int_eq(ctl_keys_set(keys, CTL_FLAG_MEMORY_SWAP,
				      "agents.x.memorySwap", &err), 0);
	for (size_t i = 0; i < sizeof(renames) / sizeof(renames[0]); i++) {
		(void)snprintf(text, sizeof(text), "%s", renames[i].text);
		ctl_keys_rename(NULL, text, sizeof(text));
		ck_assert_str_eq(text, renames[i].text);
		ctl_keys_rename(keys, text, sizeof(text));
		ck_assert_str_eq(text, renames[i].want);
	}
	/* What does not fit is cut. */
	ctl_keys_rename(keys, small, sizeof(small));
	ck_assert_uint_lt(strlen(small), sizeof(small));
	err_set(&fail.err, ERR_BAD_REQUEST, 0, "--memory: WHY");
	ctl_fail_rename(&fail, keys);
	ck_assert_str_eq(fail.err.text, "agents.x.memory at c.json5:3: WHY");
	ctl_keys_free(keys);
	ctl_keys_free(NULL);
}
END_TEST

START_TEST(test_limits_apparmor_is_one_word_or_unconfined)
{
	static const char *const bad[] = { "two words", "a\nb", "a\tb",
					   "\xc3\xa4" };
	Ctl__Spec msg = CTL__SPEC__INIT;
	struct ctl_fail fail;
	struct ctl_spec *spec;
	char name[CTL_APPARMOR_MAX + 2];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		msg.apparmor = (char *)bad[i];
		refused(&msg, "--apparmor: not a profile's name");
	}
	memset(name, 'p', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	msg.apparmor = name;
	refused(&msg, "--apparmor: not a profile's name");
	msg.apparmor = (char *)"unconfined";
	spec = take(&msg, &fail);
	ck_assert_ptr_nonnull(spec);
	ck_assert_str_eq(spec->apparmor, "");
	ctl_spec_free(spec);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("limits");
	TCase *tc = tcase_create("limits");

	tcase_add_test(tc, test_limits_workdir_is_where_the_workspace_is);
	tcase_add_test(tc, test_limits_swap_is_the_rest_or_all_or_none);
	tcase_add_loop_test(tc, test_limits_name_servers_are_addresses, 0,
			    sizeof(addresses) / sizeof(addresses[0]));
	tcase_add_test(tc, test_limits_hosts_are_lines_and_no_more);
	tcase_add_test(tc, test_limits_hosts_fit_their_file_or_are_refused);
	tcase_add_test(tc, test_limits_messages_name_keys);
	tcase_add_test(tc, test_limits_apparmor_is_one_word_or_unconfined);
	suite_add_tcase(suite, tc);
	return suite;
}
