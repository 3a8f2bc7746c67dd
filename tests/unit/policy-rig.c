// SPDX-License-Identifier: Apache-2.0
#include <config.h>

#include "tests/unit/policy-rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <check.h>

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_int_eq(chmod(path, 0600), 0);
}

struct cfg *rig_load(const char *name, const char *text)
{
	struct cfg_problems problems = CFG_PROBLEMS_INIT;
	const char *tmp = getenv("TMPDIR");
	char folder[256], path[300], line[1024];
	struct cfg *cfg;

	if (!name) {
		cfg = cfg_load(NULL, RIG_HOME, RIG_STATE, &problems);
		ck_assert_ptr_nonnull(cfg);
		cfg_problems_fini(&problems);
		return cfg;
	}
	(void)snprintf(folder, sizeof(folder), "%s/policy-XXXXXX",
		       tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	write_file(path, text);
	cfg = cfg_load(path, RIG_HOME, RIG_STATE, &problems);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(rmdir(folder), 0);
	if (!cfg) {
		cfg_problem_format(&problems, 0, line, sizeof(line));
		ck_abort_msg("%s", line);
	}
	cfg_problems_fini(&problems);
	return cfg;
}

struct cfg *rig_json5(const char *text)
{
	return rig_load("creel.json5", text);
}

struct pol_session *rig_session(const struct cfg *cfg, const char *key)
{
	struct err err = ERR_INIT;
	struct pol_session *session = pol_session_new(cfg, key, NULL, &err);

	if (!session)
		ck_abort_msg("%s", err.text);
	return session;
}

const char *rig_origin(const struct pol_session *session, enum pol_value value)
{
	static char text[256];
	const struct pol_origin *origin = &session->origins[value];

	if (origin->level == POL_LEVEL_DEFAULT)
		(void)snprintf(text, sizeof(text), "%s built in", origin->key);
	else
		(void)snprintf(text, sizeof(text), "%s %u:%u", origin->key,
			       origin->pos.line, origin->pos.column);
	return text;
}

static void put_node(FILE *out, const struct cfg_node *node)
{
	bool object = node->type == CFG_OBJECT;

	if (node->type == CFG_STRING) {
		fprintf(out, "'%s'", node->text);
	} else if (node->type == CFG_BOOL) {
		fputs(node->boolean ? "true" : "false", out);
	} else if (node->type == CFG_INTEGER) {
		fprintf(out, "%lld", (long long)node->integer);
	} else if (node->type == CFG_FLOAT) {
		fprintf(out, "%g", node->real);
	} else {
		fputc(object ? '{' : '[', out);
		for (const struct cfg_node *at = node->first; at;
		     at = at->next) {
			if (object)
				fprintf(out, "%s:", at->key);
			put_node(out, at);
			if (at->next)
				fputc(',', out);
		}
		fputc(object ? '}' : ']', out);
	}
}

const char *rig_value(const struct pol_session *session, enum pol_value value)
{
	static char text[4096];
	FILE *out;

	if (!session->values[value])
		return "unset";
	out = fmemopen(text, sizeof(text), "w");
	ck_assert_ptr_nonnull(out);
	put_node(out, session->values[value]);
	ck_assert_int_eq(fclose(out), 0);
	return text;
}
