// SPDX-License-Identifier: Apache-2.0
/*
 * Finding, reading and merging files: order, drop-ins, whose files are read,
 * changes, and what is said of mistakes.
 */
#include <config.h>

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controller/config/config.h"
#include "tests/unit/config-mistakes.h"
#include "tests/unit/runner.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static char top[256];
static struct cfg_problems problems;

static const char *at(const char *name)
{
	static char paths[4][512];
	static unsigned int next;
	char *path = paths[next++ % 4];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", top, name);
	return path;
}

static void make_folder(const char *name, mode_t mode)
{
	ck_assert_int_eq(mkdir(at(name), 0700), 0);
	ck_assert_int_eq(chmod(at(name), mode), 0);
}

static void put(const char *name, const char *text)
{
	FILE *file = fopen(at(name), "we");

	ck_assert_msg(file, "%s", name);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_int_eq(chmod(at(name), 0600), 0);
}

static void setup(void)
{
	const char *tmp = getenv("TMPDIR");

	problems = (struct cfg_problems)CFG_PROBLEMS_INIT;
	(void)snprintf(top, sizeof(top), "%s/config-XXXXXX",
		       tmp ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(top));
	make_folder("home", 0700);
	make_folder("home/.config", 0700);
	make_folder("home/.config/creel", 0700);
	make_folder("xdg", 0700);
	make_folder("xdg/creel", 0700);
	make_folder("etc", 0755);
	make_folder("etc/creel", 0755);
}

static int drop(const char *path, const struct stat *st, int type,
		struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void teardown(void)
{
	cfg_problems_fini(&problems);
	ck_assert_int_eq(nftw(top, drop, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static struct cfg *load(const char *name)
{
	return cfg_load(at(name), at("home"), at("state"), &problems);
}

/* Loads; a failure is the test's. */
static struct cfg *must_load(const char *name)
{
	struct cfg *cfg = load(name);
	char text[1024] = "";

	if (!cfg)
		cfg_problem_format(&problems, 0, text, sizeof(text));
	ck_assert_msg(cfg, "%s", text);
	return cfg;
}

/* The value of a string at a path. */
static const char *text_of(const struct cfg *cfg, const char *path)
{
	const struct cfg_node *node = cfg_get(cfg->root, path);

	return node && node->type == CFG_STRING ? node->text : NULL;
}

/* Every problem of a file, its folder cut off, lines joined. */
static void expect(const char *name, const char *want)
{
	struct cfg *cfg = load(name);
	const struct cfg_problems *told = cfg ? &cfg->problems : &problems;
	char got[8192] = "";

	for (size_t i = 0; i < told->count; i++) {
		char line[1024];
		char *text = line;

		cfg_problem_format(told, i, line, sizeof(line));
		if (strncmp(line, top, strlen(top)) == 0)
			text = line + strlen(top) + 1;
		(void)snprintf(got + strlen(got), sizeof(got) - strlen(got),
			       "%s%s\n", told->list[i].warning ? "(w) " : "",
			       text);
		if (told->list[i].hint[0])
			(void)snprintf(got + strlen(got),
				       sizeof(got) - strlen(got), "hint: %s\n",
				       told->list[i].hint);
	}
	ck_assert_str_eq(got, want);
	cfg_free(cfg);
}

static void find(const char *file, const char *env, const char *config_home,
		 const char *want)
{
	struct cfg_where where = { .file = file,
				   .env = env,
				   .config_home = config_home };
	char *path = NULL;
	char home[512];
	char etc[512];
	int ret;

	(void)snprintf(home, sizeof(home), "%s/home", top);
	(void)snprintf(etc, sizeof(etc), "%s/etc", top);
	where.home = home;
	where.sysconfdir = etc;
	ret = cfg_find(&where, &path, &problems);
	if (!want) {
		ck_assert_int_eq(ret, 0);
		ck_assert_ptr_null(path);
	} else if (want[0] == '!') {
		ck_assert_int_eq(ret, -1);
		ck_assert_ptr_null(path);
		ck_assert_str_eq(problems.list[problems.count - 1].text,
				 want + 1);
	} else {
		ck_assert_int_eq(ret, 0);
		ck_assert_str_eq(path, at(want));
	}
	free(path);
}

START_TEST(test_config_find_takes_the_first_that_is_there)
{
	char xdg[512];

	(void)snprintf(xdg, sizeof(xdg), "%s/xdg", top);
	find(NULL, NULL, NULL, NULL);
	find(NULL, "", xdg, NULL);
	put("etc/creel/creel.toml", "");
	find(NULL, NULL, NULL, "etc/creel/creel.toml");
	put("home/.config/creel/creel.json5", "{}");
	find(NULL, NULL, NULL, "home/.config/creel/creel.json5");
	find(NULL, NULL, xdg, "etc/creel/creel.toml");
	put("xdg/creel/creel.toml", "");
	find(NULL, NULL, xdg, "xdg/creel/creel.toml");
	put("openclaw.json", "{}");
	find(NULL, at("openclaw.json"), xdg, "openclaw.json");
	put("creel.toml", "");
	find(at("creel.toml"), at("openclaw.json"), xdg, "creel.toml");
}
END_TEST

START_TEST(test_config_find_names_what_is_missing)
{
	find(at("nothing.json5"), NULL, NULL, "!No such file or directory");
	find(NULL, at("nothing.json5"), NULL, "!No such file or directory");
	find(at("home/x/y.json5"), NULL, NULL, "!No such file or directory");
}
END_TEST

START_TEST(test_config_find_makes_a_name_absolute)
{
	struct cfg_where where = { .file = "creel.json5", .home = "/nowhere",
				   .sysconfdir = "/nowhere" };
	char *path = NULL;
	char here[PATH_MAX];

	put("creel.json5", "{}");
	ck_assert_ptr_nonnull(getcwd(here, sizeof(here)));
	ck_assert_int_eq(chdir(top), 0);
	ck_assert_int_eq(cfg_find(&where, &path, &problems), 0);
	ck_assert_int_eq(chdir(here), 0);
	ck_assert_str_eq(path, at("creel.json5"));
	free(path);
}
END_TEST

START_TEST(test_config_find_refuses_both_syntaxes_at_one_level)
{
	put("home/.config/creel/creel.json5", "{}");
	put("home/.config/creel/creel.toml", "");
	find(NULL, NULL, NULL,
	     "!creel.toml is beside it, and one of them must go");
	put("creel.json5", "{}");
	find(at("creel.json5"), NULL, NULL, "creel.json5");
}
END_TEST

START_TEST(test_config_load_tells_the_syntax_by_the_name)
{
	struct cfg *cfg;

	put("openclaw.json", "{ /* JSON5 */ }");
	cfg = must_load("openclaw.json");
	ck_assert_int_eq(cfg->syntax, CFG_SYNTAX_JSON5);
	cfg_free(cfg);
	put("creel.toml", "# TOML\n");
	cfg = must_load("creel.toml");
	ck_assert_int_eq(cfg->syntax, CFG_SYNTAX_TOML);
	cfg_free(cfg);
	put("creel.conf", "{}");
	expect("creel.conf",
	       "creel.conf: the name does not say which syntax it has\n"
	       "hint: JSON5 ends in .json5 or .json, TOML in .toml\n");
	put("creel", "{}");
	expect("creel",
	       "creel: the name does not say which syntax it has\n"
	       "hint: JSON5 ends in .json5 or .json, TOML in .toml\n");
}
END_TEST

START_TEST(test_config_dropins_are_laid_over_in_the_order_of_names)
{
	const struct cfg_node *node;
	struct cfg *cfg;
	char where[512];

	make_folder("conf.d", 0700);
	put("creel.json5",
	    "{ agents: { defaults: { sandbox: { mode: 'off', scope: 'agent',"
	    "  docker: { env: { A: '1', B: '1' }, binds: ['/a:/a'] } } },"
	    "  list: [{ id: 'x', name: 'X' }, { id: 'y' }] } }");
	put("conf.d/a.json5",
	    "{ agents: { defaults: { sandbox: { mode: 'all',"
	    "  docker: { env: { B: '2', C: '2' }, binds: ['/b:/b'] } } },"
	    "  list: [{ id: 'Y', default: true }, { id: 'z' }] } }");
	put("conf.d/b.toml", "[agents.defaults.sandbox]\n"
			     "mode = 'non-main'\n"
			     "docker.env.C = '3'\n");
	put("conf.d/.h.json5", "nonsense");
	put("conf.d/c.json5", "{ agents: { defaults: { sandbox: {"
			      "  scope: null } } } }");
	cfg = must_load("creel.json5");
	ck_assert_str_eq(text_of(cfg, "agents.defaults.sandbox.mode"),
			 "non-main");
	ck_assert_ptr_null(cfg_get(cfg->sandbox, "scope"));
	ck_assert_str_eq(text_of(cfg, "agents.defaults.sandbox.docker.env.A"),
			 "1");
	ck_assert_str_eq(text_of(cfg, "agents.defaults.sandbox.docker.env.B"),
			 "2");
	ck_assert_str_eq(text_of(cfg, "agents.defaults.sandbox.docker.env.C"),
			 "3");
	node = cfg_get(cfg->sandbox, "docker.binds");
	ck_assert_uint_eq(node->count, 1);
	ck_assert_str_eq(node->first->text, "/b:/b");
	ck_assert_uint_eq(cfg->n_agents, 3);
	ck_assert_str_eq(cfg->agents[0].id, "x");
	ck_assert_str_eq(cfg->agents[1].id, "y");
	ck_assert_str_eq(cfg->agents[2].id, "z");
	ck_assert_str_eq(cfg->default_agent, "y");
	ck_assert_ptr_eq(cfg_agent_find(cfg, "z"), &cfg->agents[2]);
	ck_assert_ptr_null(cfg_agent_find(cfg, "w"));
	node = cfg_get(cfg->sandbox, "mode");
	cfg_pos_text(cfg, &node->pos, where, sizeof(where));
	ck_assert_str_eq(where + strlen(top), "/conf.d/b.toml:2");
	ck_assert_int_eq(cfg->syntax, CFG_SYNTAX_JSON5);
	cfg_free(cfg);
}
END_TEST

START_TEST(test_config_null_is_as_if_it_were_not_there)
{
	const struct cfg_node *env;
	struct cfg *cfg;

	put("creel.json5",
	    "{ agents: { defaults: { sandbox: { mode: null, docker: {"
	    "  binds: null, env: { A: null, B: '1', C: null, D: '2' } } } } },"
	    "  tools: null, session: { mainKey: null } }");
	cfg = must_load("creel.json5");
	env = cfg_get(cfg->sandbox, "docker.env");
	ck_assert_uint_eq(env->count, 2);
	ck_assert_str_eq(env->first->key, "B");
	ck_assert_str_eq(env->first->next->key, "D");
	ck_assert_ptr_eq(env->first->next, env->last);
	ck_assert_ptr_null(env->last->next);
	ck_assert_ptr_null(cfg_node_get(env, "A"));
	ck_assert_ptr_nonnull(cfg_node_get(env, "D"));
	ck_assert_ptr_null(cfg_node_get(cfg->sandbox, "mode"));
	ck_assert_ptr_null(cfg_node_get(cfg->root, "tools"));
	cfg_free(cfg);
}
END_TEST

START_TEST(test_config_dropins_that_are_misnamed_are_told)
{
	make_folder("conf.d", 0700);
	put("creel.json5", "{}");
	put("conf.d/x.json", "{}");
	expect("creel.json5", "(w) conf.d: x.json is not read: drop-ins end "
			      "in .json5 or .toml\n");
}
END_TEST

START_TEST(test_config_files_that_others_can_write_are_refused)
{
	char want[1024];

	put("creel.json5", "{}");
	ck_assert_int_eq(chmod(at("creel.json5"), 0620), 0);
	(void)snprintf(want, sizeof(want),
		       "creel.json5: others can write it (mode 0620)\n"
		       "hint: chmod go-w %s\n", at("creel.json5"));
	expect("creel.json5", want);
	ck_assert_int_eq(chmod(at("creel.json5"), 0606), 0);
	ck_assert_ptr_null(load("creel.json5"));
	ck_assert_int_eq(chmod(at("creel.json5"), 0644), 0);
	cfg_free(must_load("creel.json5"));
}
END_TEST

START_TEST(test_config_folders_that_others_can_write_are_refused)
{
	char want[1024];

	make_folder("open", 0770);
	put("open/creel.json5", "{}");
	(void)snprintf(want, sizeof(want),
		       "open/creel.json5: others can write its folder "
		       "(mode 0770)\nhint: chmod go-w %s\n", at("open"));
	expect("open/creel.json5", want);
	/* Nor does the sticky bit help where the folder is not root's. */
	ck_assert_int_eq(chmod(at("open"), 01777), 0);
	if (geteuid() == 0)
		cfg_free(must_load("open/creel.json5"));
	else
		ck_assert_ptr_null(load("open/creel.json5"));
	make_folder("conf.d", 0777);
	put("creel.json5", "{}");
	(void)snprintf(want, sizeof(want),
		       "conf.d: others can write it (mode 0777)\n"
		       "hint: chmod go-w %s\n", at("conf.d"));
	expect("creel.json5", want);
	ck_assert_int_eq(chmod(at("conf.d"), 0700), 0);
}
END_TEST

START_TEST(test_config_links_are_judged_by_where_they_lead)
{
	put("creel.toml", "");
	make_folder("open", 0770);
	put("open/creel.toml", "");
	make_folder("link", 0700);
	ck_assert_int_eq(symlink(at("creel.toml"), at("link/creel.toml")), 0);
	cfg_free(must_load("link/creel.toml"));
	ck_assert_int_eq(unlink(at("link/creel.toml")), 0);
	ck_assert_int_eq(symlink(at("open/creel.toml"), at("link/creel.toml")),
			 0);
	ck_assert_ptr_null(load("link/creel.toml"));
}
END_TEST

START_TEST(test_config_what_is_no_file_is_refused_at_once)
{
	ck_assert_int_eq(mkfifo(at("pipe.json5"), 0600), 0);
	expect("pipe.json5", "pipe.json5: a named pipe, not a file\n");
	ck_assert_int_eq(unlink(at("pipe.json5")), 0);
	make_folder("pipe.json5", 0700);
	expect("pipe.json5", "pipe.json5: a directory, not a file\n");
	ck_assert_int_eq(rmdir(at("pipe.json5")), 0);
	ck_assert_int_eq(symlink("/dev/zero", at("pipe.json5")), 0);
	expect("pipe.json5", "pipe.json5: a device, not a file\n");
	expect("nothing.json5", "nothing.json5: No such file or directory\n");
}
END_TEST

START_TEST(test_config_files_that_are_too_long_are_refused)
{
	put("creel.json5", "{}");
	ck_assert_int_eq(truncate(at("creel.json5"), CFG_MAX_FILE_BYTES + 1),
			 0);
	expect("creel.json5", "creel.json5: longer than 8 MiB\n");
}
END_TEST

START_TEST(test_config_changes_are_seen)
{
	struct cfg *cfg;

	put("creel.json5", "{}");
	cfg = must_load("creel.json5");
	ck_assert(!cfg_changed(cfg));
	make_folder("conf.d", 0700);
	ck_assert_msg(cfg_changed(cfg), "conf.d came into being");
	cfg_free(cfg);

	cfg = must_load("creel.json5");
	ck_assert(!cfg_changed(cfg));
	put("conf.d/a.json5", "{}");
	ck_assert_msg(cfg_changed(cfg), "a drop-in came");
	cfg_free(cfg);

	cfg = must_load("creel.json5");
	put("conf.d/a.json5", "{ }");
	ck_assert_msg(cfg_changed(cfg), "a drop-in changed");
	cfg_free(cfg);

	cfg = must_load("creel.json5");
	ck_assert_int_eq(unlink(at("creel.json5")), 0);
	ck_assert_msg(cfg_changed(cfg), "the file went");
	cfg_free(cfg);

	cfg = cfg_load(NULL, "/h", "/s", &problems);
	ck_assert_msg(!cfg_changed(cfg), "nothing cannot change");
	cfg_free(cfg);
}
END_TEST

/* The same size and time of change, as a tool may leave it. */
START_TEST(test_config_changes_are_seen_that_hide)
{
	struct timespec times[2];
	struct cfg *cfg;
	struct stat st;

	put("creel.json5", "{a:1}");
	cfg = must_load("creel.json5");
	ck_assert_int_eq(stat(at("creel.json5"), &st), 0);
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	put("creel.json5", "{a:2}");
	ck_assert_int_eq(utimensat(AT_FDCWD, at("creel.json5"), times, 0), 0);
	ck_assert(cfg_changed(cfg));
	cfg_free(cfg);
}
END_TEST

static const char *default_of(const struct cfg *cfg, enum cfg_place place,
			      const char *path)
{
	return cfg_fallback(cfg, cfg_key_find(place, path))->text;
}

START_TEST(test_config_defaults_depend_on_whose_file_it_is)
{
	static const struct {
		const char *name; /* NULL: no file */
		const char *mode, *user, *root, *media; /* of home, but '+' */
	} table[] = {
		{ NULL, "all", "1000:1000", "+/sandboxes", "+/media" },
		{ "creel.toml", "all", "1000:1000", "+/sandboxes", "+/media" },
		{ "creel.json5", "off", "0:0", "/.openclaw/sandboxes",
		  "/.openclaw/media" },
		{ "openclaw.json", "off", "0:0", "/.openclaw/sandboxes",
		  "/.openclaw/media" },
		{ "moltbot.json", "off", "0:0", "/.moltbot/sandboxes",
		  "/.moltbot/media" },
	};

	for (size_t i = 0; i < COUNT(table); i++) {
		const char *name = table[i].name;
		struct cfg *cfg;

		if (name)
			put(name, strstr(name, "toml") ? "" : "{}");
		cfg = cfg_load(name ? at(name) : NULL, "/h", "/s", &problems);
		ck_assert_str_eq(default_of(cfg, CFG_IN_SANDBOX, "mode"),
				 table[i].mode);
		ck_assert_str_eq(default_of(cfg, CFG_IN_SANDBOX, "docker.user"),
				 table[i].user);
		ck_assert_str_eq(default_of(cfg, CFG_IN_SANDBOX,
					    "workspaceRoot") + 2,
				 table[i].root + (*table[i].root == '+'));
		ck_assert_str_eq(default_of(cfg, CFG_IN_ROOT, "media.root") + 2,
				 table[i].media + (*table[i].media == '+'));
		cfg_free(cfg);
	}
}
END_TEST

START_TEST(test_config_home_is_expanded)
{
	struct cfg *cfg = cfg_load(NULL, "/home/u", "/s", &problems);

	ck_assert_str_eq(cfg_expand(cfg, "~"), "/home/u");
	ck_assert_str_eq(cfg_expand(cfg, "~/x"), "/home/u/x");
	ck_assert_str_eq(cfg_expand(cfg, "~other"), "~other");
	ck_assert_str_eq(cfg_expand(cfg, "/x/~"), "/x/~");
	cfg_free(cfg);
}
END_TEST

/* To the letter. */
START_TEST(test_config_mistakes_are_told_as_the_manual_says)
{
	const struct config_mistake *mistake = &config_mistakes[_i];

	put(mistake->name, mistake->text);
	expect(mistake->name, mistake->want);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("config-load");
	TCase *tests = tcase_create("load");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, test_config_find_takes_the_first_that_is_there);
	tcase_add_test(tests, test_config_find_names_what_is_missing);
	tcase_add_test(tests, test_config_find_makes_a_name_absolute);
	tcase_add_test(tests,
		       test_config_find_refuses_both_syntaxes_at_one_level);
	tcase_add_test(tests, test_config_load_tells_the_syntax_by_the_name);
	tcase_add_test(tests,
		       test_config_dropins_are_laid_over_in_the_order_of_names);
	tcase_add_test(tests, test_config_null_is_as_if_it_were_not_there);
	tcase_add_test(tests, test_config_dropins_that_are_misnamed_are_told);
	tcase_add_test(tests,
		       test_config_files_that_others_can_write_are_refused);
	tcase_add_test(tests,
		       test_config_folders_that_others_can_write_are_refused);
	tcase_add_test(tests, test_config_links_are_judged_by_where_they_lead);
	tcase_add_test(tests, test_config_what_is_no_file_is_refused_at_once);
	tcase_add_test(tests, test_config_files_that_are_too_long_are_refused);
	tcase_add_test(tests, test_config_changes_are_seen);
	tcase_add_test(tests, test_config_changes_are_seen_that_hide);
	tcase_add_test(tests, test_config_defaults_depend_on_whose_file_it_is);
	tcase_add_test(tests, test_config_home_is_expanded);
	tcase_add_loop_test(tests,
			    test_config_mistakes_are_told_as_the_manual_says, 0,
			    (int)config_n_mistakes);
	suite_add_tcase(suite, tests);
	return suite;
}
