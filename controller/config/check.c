// SPDX-License-Identifier: Apache-2.0
/*
 * A file's tree against the table of keys.  Every problem is reported, and
 * what belongs to the gateway is passed over.
 */
#include <config.h>

#include "controller/config/check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "controller/config/utf8.h"

#define MAX_NAMES 64
#define NAME_BYTES 64

/* Names of the gateway's that look like ours. */
static const char *const theirs[] = {
	"dmScope", "skills", "tts", "models", "model", "agentDir", "params",
	"heartbeat", "identity", "groupChat", "agentToAgent", "sessions",
	"sessions_spawn", "exec", "web", "media", "message", "links", "browser",
	"mcp", "grep", "time", "wait", "tasks", "audio", "memory", "logging",
	"messages", "canvas", "plugins", "auth", "hooks", "cron", "meta",
};

/* What is looked for in one place and belongs in another. */
static const struct {
	const char *section;
	const char *name;
	const char *instead;
} misplaced[] = {
	{ "", "sandbox", "agents.defaults.sandbox" },
	{ "", "docker", "agents.defaults.sandbox.docker" },
	{ "", "python_exec", "tools.python_exec" },
	{ "agents", "sandbox", "agents.defaults.sandbox" },
	{ "agents.defaults", "tools", "tools" },
	{ "agents.defaults", "docker", "agents.defaults.sandbox.docker" },
	{ "agents.list[]", "docker", "agents.list[].sandbox.docker" },
	{ "agents.list[]", "mode", "agents.list[].sandbox.mode" },
};

static bool is_plain(const struct cfg_node *node)
{
	if (node->key_len == 0 || node->key_len > NAME_BYTES)
		return false;
	for (size_t i = 0; i < node->key_len; i++) {
		char c = node->key[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    !(c >= '0' && c <= '9') && c != '_' && c != '-' &&
		    c != '$')
			return false;
	}
	return true;
}

/* Appends one step's own part. */
static void add_part(const struct cfg_step *step, char *text)
{
	size_t used = strlen(text);
	size_t room = CFG_PATH_BYTES - used;

	if (!step->node->key)
		(void)snprintf(text + used, room, "[%zu]", step->index);
	else if (is_plain(step->node))
		(void)snprintf(text + used, room, "%s%s", used ? "." : "",
			       step->node->key);
	else
		(void)snprintf(text + used, room, "[\"%.*s%s\"]", NAME_BYTES,
			       step->node->key,
			       step->node->key_len > NAME_BYTES ? "..." : "");
}

/**
 * cfg_step_text() - a way down the tree as a key's path
 */
void cfg_step_text(const struct cfg_step *step, char text[CFG_PATH_BYTES])
{
	if (step->up)
		cfg_step_text(step->up, text);
	else
		text[0] = '\0';
	if (step->up)
		add_part(step, text);
}

/**
 * cfg_found_text() - a value, shortened, for "not ..."
 */
void cfg_found_text(const struct cfg_check *check, const struct cfg_node *node,
		    char text[96])
{
	const char *name = cfg_type_name(node->type);
	size_t len = node->text_len < 60 ? node->text_len : 60;

	if (node->type == CFG_OBJECT && check->toml)
		name = "a table";
	if (node->type == CFG_STRING)
		(void)snprintf(text, 96, "\"%.*s%s\"",
			       (int)cfg_utf8_valid(node->text, len), node->text,
			       len < node->text_len ? "..." : "");
	else if (node->type == CFG_INTEGER)
		(void)snprintf(text, 96, "%lld", (long long)node->integer);
	else if (node->type == CFG_FLOAT)
		(void)snprintf(text, 96,
			       fabs(node->real) < 1e15 &&
					       floor(node->real) == node->real ?
				       "%.1f" :
				       "%.12g",
			       node->real);
	else if (node->type == CFG_BOOL)
		(void)snprintf(text, 96, "%s",
			       node->boolean ? "true" : "false");
	else
		(void)snprintf(text, 96, "%s", name);
}

/**
 * cfg_check_expected() - add "KEY: expected WHAT, not FOUND"
 */
void cfg_check_expected(const struct cfg_check *check,
			const struct cfg_step *step, const char *expected)
{
	char path[CFG_PATH_BYTES];
	char found[96];

	cfg_step_text(step, path);
	cfg_found_text(check, step->node, found);
	cfg_problem_add(check->problems, &step->node->pos,
			"%s: expected %s, not %s", path, expected, found);
}

static const struct cfg_section *find(const struct cfg_section *section,
				      const struct cfg_node *member)
{
	if (section->any)
		return section->first;
	for (const struct cfg_section *at = section->first; at; at = at->next)
		if (at->len == member->key_len &&
		    memcmp(at->name, member->key, at->len) == 0)
			return at;
	return NULL;
}

static const char *near(const struct cfg_section *section, const char *name)
{
	const char *names[MAX_NAMES];
	size_t count = 0;

	for (const struct cfg_section *at = section->first;
	     at && count < MAX_NAMES; at = at->next)
		names[count++] = at->name;
	return cfg_nearest(name, names, count);
}

/* "docker.memory" for a "memory" that stands one level too high. */
static bool deeper(const struct cfg_section *section, const char *name,
		   char text[96])
{
	for (const struct cfg_section *at = section->first; at; at = at->next) {
		const char *found = at->any ? NULL : near(at, name);

		if (found && strcmp(found, name) == 0) {
			(void)snprintf(text, 96, "%s.%s", at->name, found);
			return true;
		}
	}
	return false;
}

static bool is_theirs(const char *name)
{
	for (size_t i = 0; i < sizeof(theirs) / sizeof(theirs[0]); i++)
		if (strcmp(theirs[i], name) == 0)
			return true;
	return false;
}

/* With the numbers taken out of its brackets. */
static void general(const char *path, char *text)
{
	bool inside = false;

	for (; *path; path++) {
		inside = inside && *path != ']';
		if (!inside)
			*text++ = *path;
		inside = inside || *path == '[';
	}
	*text = '\0';
}

static bool is_misplaced(const struct cfg_check *check,
			 const struct cfg_step *step)
{
	char section[CFG_PATH_BYTES];
	char path[CFG_PATH_BYTES];

	cfg_step_text(step->up, path);
	general(path, section);
	for (size_t i = 0; i < sizeof(misplaced) / sizeof(misplaced[0]); i++) {
		if (strcmp(misplaced[i].section, section) != 0 ||
		    strcmp(misplaced[i].name, step->node->key) != 0)
			continue;
		cfg_step_text(step, path);
		cfg_problem_warn(check->problems, &step->node->key_pos,
				 "%s: not looked at here", path);
		cfg_problem_hint(check->problems, "it belongs in %s",
				 misplaced[i].instead);
		return true;
	}
	return false;
}

/* What comes then is counted and not kept: no need to look for names. */
static bool is_full(const struct cfg_check *check)
{
	return check->problems->count == CFG_MAX_PROBLEMS;
}

/* In a section that is the gateway's, too. */
static void pass_over(const struct cfg_check *check,
		      const struct cfg_section *section,
		      const struct cfg_step *step)
{
	const char *name = step->node->key;
	const char *nearest;
	char path[CFG_PATH_BYTES];

	if (is_full(check) || is_misplaced(check, step) || is_theirs(name))
		return;
	nearest = near(section, name);
	if (!nearest)
		return;
	cfg_step_text(step, path);
	cfg_problem_warn(check->problems, &step->node->key_pos,
			 "%s: not a key of creel's, passed over", path);
	cfg_problem_hint(check->problems, "did you mean \"%s\"?", nearest);
}

static void unknown(const struct cfg_check *check,
		    const struct cfg_section *section,
		    const struct cfg_step *step)
{
	const char *nearest;
	char path[CFG_PATH_BYTES];
	char below[96];

	if (is_full(check)) {
		cfg_problem_add(check->problems, &step->node->key_pos, "?");
		return;
	}
	nearest = near(section, step->node->key);
	cfg_step_text(step, path);
	cfg_problem_add(check->problems, &step->node->key_pos,
			"%s: unknown key", path);
	if (deeper(section, step->node->key, below))
		nearest = below;
	if (nearest) {
		cfg_problem_hint(check->problems, "did you mean \"%s\"?",
				 nearest);
		return;
	}
	cfg_step_text(step->up, path);
	cfg_problem_hint(check->problems,
			 "creel.conf(5) has the keys of %s", path);
}

static void walk(const struct cfg_check *check,
		 const struct cfg_section *section,
		 const struct cfg_step *step);

static void walk_members(const struct cfg_check *check,
			 const struct cfg_section *section,
			 const struct cfg_step *step)
{
	for (const struct cfg_node *member = step->node->first; member;
	     member = member->next) {
		const struct cfg_section *found = find(section, member);
		struct cfg_step below = { .up = step, .node = member };

		if (found)
			walk(check, found, &below);
		else if (section->open)
			pass_over(check, section, &below);
		else
			unknown(check, section, &below);
	}
}

static void walk_list(const struct cfg_check *check,
		      const struct cfg_section *section,
		      const struct cfg_step *step)
{
	struct cfg_step below = { .up = step };

	for (below.node = step->node->first; below.node;
	     below.node = below.node->next, below.index++) {
		if (below.node->type == CFG_OBJECT)
			walk_members(check, section, &below);
		else
			cfg_check_expected(check, &below,
					   check->toml ? "a table" :
							 "an object");
	}
}

static void walk(const struct cfg_check *check,
		 const struct cfg_section *section,
		 const struct cfg_step *step)
{
	enum cfg_type type = step->node->type;

	if (type == CFG_NULL)
		return;
	if (section->key)
		cfg_check_value(check, section->key, step);
	else if (section->list && type == CFG_ARRAY)
		walk_list(check, section, step);
	else if (section->list)
		cfg_check_expected(check, step, "an array of agents");
	else if (type == CFG_OBJECT)
		walk_members(check, section, step);
	else
		cfg_check_expected(check, step,
				   check->toml ? "a table" : "an object");
}

/**
 * cfg_schema_check() - a whole file's tree against the table of keys
 * @toml: which words problems are told in
 *
 * Return: 0, or -1 with problems added.
 */
int cfg_schema_check(const struct cfg_node *root, bool toml,
		     struct cfg_problems *problems)
{
	struct cfg_check check = { .toml = toml, .problems = problems };
	struct cfg_step step = { .node = root };
	size_t before = problems->errors;
	struct cfg_section *sections;

	check.mem = cfg_tree_new();
	sections = check.mem ? cfg_sections(check.mem) : NULL;
	if (!sections) {
		cfg_tree_free(check.mem);
		return cfg_problem_add(problems, &root->pos, "no memory");
	}
	if (root->type == CFG_OBJECT)
		walk_members(&check, sections, &step);
	else
		cfg_check_expected(&check, &step, "an object");
	cfg_check_ids(&check, root);
	cfg_tree_free(check.mem);
	return problems->errors > before ? -1 : 0;
}
