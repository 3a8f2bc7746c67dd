// SPDX-License-Identifier: Apache-2.0
/*
 * From a path to a configuration in force: the file and its drop-ins read,
 * each checked by itself, laid over each other, checked as a whole, indexed.
 */
#include <config.h>

#include "controller/config/load.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/cleanup.h"
#include "proto/err.h"

#define PATH_BYTES 4096

static int no_memory(struct cfg *cfg)
{
	return cfg_problem_add(&cfg->problems, NULL, "no memory");
}

static struct cfg_node *parse(struct cfg *cfg, const char *text, size_t len,
			      const struct cfg_source *source)
{
	bool toml = cfg_syntax_of(source->path) == CFG_SYNTAX_TOML;
	struct cfg_node *root;

	root = toml ? cfg_toml_parse(cfg->tree, text, len, source->pos.file,
				     &cfg->problems) :
		      cfg_json5_parse(cfg->tree, text, len, source->pos.file,
				      &cfg->problems);
	if (!root)
		return NULL;
	if (root->type != CFG_OBJECT) {
		cfg_problem_add(&cfg->problems, &root->pos,
				"expected an object, not %s",
				cfg_type_name(root->type));
		return NULL;
	}
	(void)cfg_schema_check(root, toml, &cfg->problems);
	return root;
}

/* One file, laid over what is there.  Problems are added, not returned. */
static void take_file(struct cfg *cfg, const char *path)
{
	struct cfg_source source = { .path = path,
				     .problems = &cfg->problems };
	struct cfg_node *root = NULL;
	auto_free char *text = NULL;
	struct stat st;
	size_t len = 0;

	source.pos.file = cfg_problems_file(&cfg->problems, path);
	if (cfg_syntax_of(path) == CFG_SYNTAX_NONE) {
		cfg_problem_add(&cfg->problems, &source.pos,
				"the name does not say which syntax it has");
		cfg_problem_hint(&cfg->problems,
				 "JSON5 ends in .json5 or .json, TOML in "
				 ".toml");
		return;
	}
	text = cfg_file_read(&source, &st, &len);
	if (!text)
		return;
	if (cfg_stamp_add(cfg->stamps, path, &st) < 0) {
		no_memory(cfg);
		return;
	}
	root = parse(cfg, text, len, &source);
	if (!root)
		return;
	cfg->root = cfg->root ?
			    cfg_merge(cfg->tree, cfg->root, root) :
			    root;
	if (!cfg->root)
		no_memory(cfg);
}

static bool ends_in(const char *name, const char *end)
{
	size_t len = strlen(name);
	size_t cut = strlen(end);

	return len > cut && strcmp(name + len - cut, end) == 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct names {
	char *list[CFG_MAX_FILES]; /* owned */
	size_t count;
};

static void names_fini(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->list[i]);
}

static void note_other(struct cfg *cfg, const struct cfg_source *source,
		       const char *name)
{
	if (name[0] != '.' && ends_in(name, ".json"))
		cfg_problem_warn(&cfg->problems, &source->pos,
				 "%.80s is not read: drop-ins end in .json5 or "
				 ".toml", name);
}

static int list_names(struct cfg *cfg, const struct cfg_source *source,
		      struct names *names)
{
	DIR *dir = opendir(source->path);
	struct dirent *entry;
	int ret = 0;

	if (!dir)
		return cfg_problem_add(&cfg->problems, &source->pos, "%s",
				       err_sys_text(errno));
	while (ret == 0 && (entry = readdir(dir))) {
		const char *name = entry->d_name;

		if (name[0] == '.' ||
		    (!ends_in(name, ".json5") && !ends_in(name, ".toml"))) {
			note_other(cfg, source, name);
			continue;
		}
		/* Two names are the main file's and the folder's. */
		if (names->count == CFG_MAX_FILES - 2) {
			ret = cfg_problem_add(&cfg->problems, &source->pos,
					      "more than %d drop-ins",
					      CFG_MAX_FILES - 2);
			break;
		}
		names->list[names->count] = strdup(name);
		if (!names->list[names->count])
			ret = no_memory(cfg);
		else
			names->count++;
	}
	(void)closedir(dir);
	qsort(names->list, names->count, sizeof(names->list[0]), by_name);
	return ret;
}

static void take_dropins(struct cfg *cfg, const char *folder)
{
	__attribute__((cleanup(names_fini))) struct names names = {
		.count = 0,
	};
	struct cfg_source source = { .path = folder,
				     .problems = &cfg->problems };
	struct stat st;
	char path[PATH_BYTES];

	if (stat(folder, &st) < 0 && errno == ENOENT) {
		if (cfg_stamp_add(cfg->stamps, folder, NULL) < 0)
			no_memory(cfg);
		return;
	}
	source.pos.file = cfg_problems_file(&cfg->problems, folder);
	if (cfg_folder_judge(&source, folder) < 0)
		return;
	if (cfg_stamp_add(cfg->stamps, folder, &st) < 0) {
		no_memory(cfg);
		return;
	}
	if (list_names(cfg, &source, &names) < 0)
		return;
	for (size_t i = 0; i < names.count; i++) {
		int len = snprintf(path, sizeof(path), "%s/%s", folder,
				   names.list[i]);

		if (len < 0 || (size_t)len >= sizeof(path))
			cfg_problem_add(&cfg->problems, &source.pos,
					"the path is too long");
		else
			take_file(cfg, path);
	}
}

static void take_all(struct cfg *cfg)
{
	auto_free char *folder = NULL;
	const char *slash = strrchr(cfg->path, '/');
	int len = slash ? (int)(slash + 1 - cfg->path) : 0;

	cfg->syntax = cfg_syntax_of(cfg->path);
	take_file(cfg, cfg->path);
	if (asprintf(&folder, "%.*s" CFG_DROPIN_DIR, len, cfg->path) < 0) {
		folder = NULL;
		no_memory(cfg);
		return;
	}
	take_dropins(cfg, folder);
}

static int index_agents(struct cfg *cfg)
{
	const struct cfg_node *agents = cfg_node_get(cfg->root, "agents");
	const struct cfg_node *list = cfg_get(agents, "list");
	struct cfg_node *ids = cfg_node_new(cfg->tree, CFG_OBJECT);
	size_t room = list ? list->count : 0;
	size_t index = 0;

	cfg->agents = calloc(room + 1, sizeof(*cfg->agents));
	cfg->agent_index = ids;
	if (!cfg->agents || !ids)
		return -1;
	for (const struct cfg_node *entry = room ? list->first : NULL; entry;
	     entry = entry->next, index++) {
		struct cfg_agent *agent = &cfg->agents[cfg->n_agents];
		const struct cfg_node *id = cfg_get(entry, "id");
		struct cfg_node *node = cfg_node_new(cfg->tree, CFG_INTEGER);

		if (!id || id->type != CFG_STRING)
			continue; /* a problem was added */
		cfg_agent_fold(id->text, agent->id);
		if (!node || cfg_node_set_key(cfg->tree, node, agent->id,
					      strlen(agent->id)) < 0)
			return -1;
		node->integer = (int64_t)cfg->n_agents++;
		cfg_node_append(ids, node);
		agent->node = entry;
		agent->index = index;
	}
	return 0;
}

static void choose_default(struct cfg *cfg)
{
	cfg->default_agent = cfg->n_agents ? cfg->agents[0].id : "main";
	for (size_t i = 0; i < cfg->n_agents; i++) {
		const struct cfg_node *node =
			cfg_get(cfg->agents[i].node, "default");

		if (node && node->type == CFG_BOOL && node->boolean) {
			cfg->default_agent = cfg->agents[i].id;
			return;
		}
	}
}

static int finish(struct cfg *cfg)
{
	if (!cfg->root)
		cfg->root = cfg_node_new(cfg->tree, CFG_OBJECT);
	if (!cfg->root || cfg_drop_nulls(cfg->tree, cfg->root) < 0 ||
	    index_agents(cfg) < 0 || cfg_fallbacks_fill(cfg) < 0)
		return no_memory(cfg);
	cfg->defaults = cfg_get(cfg->root, "agents.defaults");
	cfg->sandbox = cfg_get(cfg->defaults, "sandbox");
	cfg->tools = cfg_get(cfg->root, "tools");
	choose_default(cfg);
	/* Also where there are errors: all of them are told. */
	return cfg_check_whole(cfg->root, &cfg->problems);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static struct cfg *cfg_new(const char *path, const char *home,
			   const char *state_dir)
{
	struct cfg *cfg = calloc(1, sizeof(*cfg));

	if (!cfg)
		return NULL;
	cfg->loaded_ms = now_ms();
	cfg->path = path ? strdup(path) : NULL;
	cfg->home = strdup(home);
	cfg->state_dir = strdup(state_dir);
	cfg->tree = cfg_tree_new();
	cfg->stamps = calloc(1, sizeof(struct cfg_stamps));
	if ((!path || cfg->path) && cfg->home && cfg->state_dir && cfg->tree &&
	    cfg->stamps)
		return cfg;
	cfg_free(cfg);
	return NULL;
}

/**
 * cfg_load() - a configuration in force
 * @path:      NULL: defaults alone
 * @home:      for ~, absolute
 * @state_dir: creel's own, absolute
 * @problems:  filled where it fails, replacing what was there; warnings of
 *             what was loaded are the configuration's
 *
 * Return: owned, or NULL.
 */
struct cfg *cfg_load(const char *path, const char *home,
		     const char *state_dir, struct cfg_problems *problems)
{
	struct cfg *cfg = cfg_new(path, home, state_dir);

	if (!cfg) {
		cfg_problem_add(problems, NULL, "no memory");
		return NULL;
	}
	/* The main file is number 0, also for problems that have no place. */
	if (path) {
		(void)cfg_problems_file(&cfg->problems, path);
		take_all(cfg);
	}
	(void)finish(cfg);
	cfg_problems_sort(&cfg->problems);
	if (cfg->problems.errors == 0)
		return cfg;
	cfg_problems_fini(problems);
	*problems = cfg->problems;
	cfg->problems = (struct cfg_problems)CFG_PROBLEMS_INIT;
	cfg_free(cfg);
	return NULL;
}

/**
 * cfg_free() - release; NULL is none
 */
void cfg_free(struct cfg *cfg)
{
	if (!cfg)
		return;
	cfg_problems_fini(&cfg->problems);
	cfg_stamps_free(cfg->stamps);
	cfg_tree_free(cfg->tree);
	free(cfg->agents);
	free(cfg->state_dir);
	free(cfg->home);
	free(cfg->path);
	free(cfg);
}

/**
 * cfg_changed() - has a file of it changed, come or gone?
 */
bool cfg_changed(const struct cfg *cfg)
{
	return cfg_stamps_differ(cfg->stamps);
}
