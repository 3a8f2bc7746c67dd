// SPDX-License-Identifier: Apache-2.0
/*
 * Completion of values: words that the tables name, files, and what lives:
 * sandboxes and sessions of a creeld that runs anyway, agents of the
 * configuration, images of the store.
 */
#include <config.h>

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "controller/cli/complete.h"
#include "controller/cli/live.h"
#include "controller/cli/parse.h"
#include "controller/cli/where.h"
#include "controller/image/store.h"
#include "controller/tools/tool.h"
#include "proto/cleanup.h"

#define KIND_BYTES 80

struct asking {
	const struct cli_line *line;
	const char *config; /* whose sessions count; "" none */
	bool sandboxes; /* their names too, not session keys alone */
};

static bool take_items(const Ctl__Reply *reply, void *arg)
{
	const struct asking *asking = arg;

	if (reply->re_case != CTL__REPLY__RE_ITEMS)
		return false;
	for (size_t i = 0; i < reply->items->n_items; i++) {
		const Ctl__Item *item = reply->items->items[i];

		if (asking->sandboxes && item->id[0])
			cli_offer(asking->line, item->name);
		if (strcmp(item->config, asking->config) == 0)
			cli_offer(asking->line, item->session);
	}
	return reply->items->more;
}

static void offer_live(const struct cli_line *line, bool sandboxes)
{
	struct asking asking = { .line = line, .sandboxes = sandboxes };
	auto_where where = { .home = NULL };
	Ctl__Request request = CTL__REQUEST__INIT;
	Ctl__List list = CTL__LIST__INIT;
	Ctl__Config config;

	if (cli_where_find(&line->args, &where))
		return;
	cli_where_config(&where, &config);
	asking.config = config.path;
	list.config = &config;
	list.all = true;
	request.op_case = CTL__REQUEST__OP_LIST;
	request.list = &list;
	cli_ask_live(&line->args, &request, take_items, &asking);
}

struct tools {
	const struct cli_line *line;
	bool answered;
};

static bool take_tools(const Ctl__Reply *reply, void *arg)
{
	struct tools *tools = arg;
	const ProtobufCBinaryData *bytes;
	const json_t *tool;
	json_t *list;
	size_t i;

	if (reply->re_case != CTL__REPLY__RE_TOOLBOX)
		return false;
	bytes = &reply->toolbox->tools;
	list = json_loadb((const char *)bytes->data, bytes->len, 0, NULL);
	tools->answered = list != NULL;
	json_array_foreach(list, i, tool) {
		const char *name =
			json_string_value(json_object_get(tool, "name"));

		if (name)
			cli_offer(tools->line, name);
	}
	json_decref(list);
	return false;
}

/* Those that the session may use; all, where nobody says which. */
static void offer_tools(const struct cli_line *line)
{
	const char *const *last = line->args.last;
	struct tools tools = { .line = line };
	auto_where where = { .home = NULL };
	Ctl__Request request = CTL__REQUEST__INIT;
	Ctl__ToolboxOpen open = CTL__TOOLBOX_OPEN__INIT;
	Ctl__Config config;

	if (cli_where_find(&line->args, &where))
		return;
	cli_where_config(&where, &config);
	open.config = &config;
	if (last[CLI_OPT_SESSION])
		open.session = (char *)last[CLI_OPT_SESSION];
	if (last[CLI_OPT_PROVIDER])
		open.provider = (char *)last[CLI_OPT_PROVIDER];
	request.op_case = CTL__REQUEST__OP_TOOLBOX_OPEN;
	request.toolbox_open = &open;
	cli_ask_live(&line->args, &request, take_tools, &tools);
	for (size_t i = 0; !tools.answered && tool_all()[i]; i++)
		if (!(tool_all()[i]->flags & TOOL_HIDDEN))
			cli_offer(line, tool_all()[i]->name);
}

static void offer_agents(const struct cli_line *line)
{
	auto_where where = { .home = NULL };
	struct cfg *cfg = NULL;

	if (!cli_where_find(&line->args, &where))
		cfg = cli_where_load(&where);
	if (cfg && cfg->n_agents == 0)
		cli_offer(line, cfg->default_agent);
	for (size_t i = 0; cfg && i < cfg->n_agents; i++)
		cli_offer(line, cfg->agents[i].id);
	cfg_free(cfg);
}

static void offer_images(const struct cli_line *line)
{
	auto_where where = { .home = NULL };
	auto_free char *path = NULL;
	char name[IMG_NAME_BYTES];
	struct dirent *entry;
	DIR *dir;

	if (cli_where_find(&line->args, &where) ||
	    asprintf(&path, "%s/images", where.state_dir) < 0)
		return;
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' &&
		    !img_name_decode(entry->d_name, name))
			cli_offer(line, name);
	if (dir)
		(void)closedir(dir);
}

static void offer_names(const struct cli_line *line, const char *const *names)
{
	for (size_t i = 0; names[i]; i++)
		cli_offer(line, names[i]);
}

static void offer_signals(const struct cli_line *line)
{
	for (int i = 1; i < NSIG; i++)
		if (sigabbrev_np(i))
			cli_offer(line, sigabbrev_np(i));
}

/* The caller's variables, by their names. */
static void offer_environment(const struct cli_line *line)
{
	for (char **at = environ; *at; at++) {
		auto_free char *name = strndup(*at, strcspn(*at, "="));

		if (name)
			cli_offer(line, name);
	}
}

static void offer_verbs(const struct cli_line *line)
{
	const struct cli_verb *verb;

	for (size_t i = 0; (verb = cli_verb_at(i)); i++)
		cli_offer(line, verb->name);
}

/* What the audit log has as a tool. */
static void offer_logged(const struct cli_line *line)
{
	offer_verbs(line);
	for (size_t i = 0; tool_all()[i]; i++)
		if (!cli_verb_find(tool_all()[i]->name))
			cli_offer(line, tool_all()[i]->name);
}

/* Sets of names that the kind alone does not tell. */
static bool offer_known(const struct cli_line *line, enum cli_opt opt,
			const char *kind)
{
	bool names = strcmp(kind, "NAME") == 0;

	if (opt == CLI_OPT_SIGNAL && names)
		offer_signals(line);
	else if (opt == CLI_OPT_CAP_KEEP && names)
		offer_names(line, cli_cap_names);
	else if (opt == CLI_OPT_ULIMIT && names)
		offer_names(line, cli_ulimit_names);
	else if (opt == CLI_OPT_ENV && names)
		offer_environment(line);
	else if (opt == CLI_OPT_TOOL && line->verb->id == CLI_VERB_LOGS)
		offer_logged(line);
	else if (names && (opt == CLI_OPT_TOOL ||
			   (opt == CLI_OPT_INVALID &&
			    line->verb->id == CLI_VERB_TOOL)))
		offer_tools(line);
	else if (names &&
		 (opt == CLI_OPT_IMAGE || line->verb->id == CLI_VERB_IMAGE))
		offer_images(line);
	else
		return false;
	return true;
}

static void offer_kind(const struct cli_line *line, enum cli_opt opt,
		       const char *kind)
{
	if (kind[0] >= 'a' && kind[0] <= 'z')
		cli_offer(line, kind);
	else if (offer_known(line, opt, kind))
		return;
	else if (strcmp(kind, "TARGET") == 0)
		offer_live(line, true);
	else if (strcmp(kind, "KEY") == 0)
		offer_live(line, false);
	else if (strcmp(kind, "ID") == 0)
		offer_agents(line);
	else if (strcmp(kind, "VERB") == 0)
		offer_verbs(line);
	else if (strcmp(kind, "DIR") == 0)
		cli_offer_kind("dirs");
	else if (strcmp(kind, "COMMAND") == 0)
		cli_offer_kind("commands");
	else if (strcmp(kind, "FILE") == 0 || strcmp(kind, "TAR") == 0 ||
		 strcmp(kind, "SRC") == 0 || strcmp(kind, "ARGUMENT") == 0)
		cli_offer_kind("files");
}

/**
 * cli_complete_value() - offer what the tables say that a value is
 * @kinds: "host|DIR", "DIR[:ro|rw]", "NAME=SOFT[:HARD]", "TARGET"
 */
void cli_complete_value(const struct cli_line *line, enum cli_opt opt,
			const char *kinds)
{
	char kind[KIND_BYTES];

	while (*kinds) {
		size_t len = strcspn(kinds, "|[:=,");

		(void)snprintf(kind, sizeof(kind), "%.*s", (int)len, kinds);
		offer_kind(line, opt, kind);
		/* What follows in brackets or after a mark is its second part.
		 */
		if (kinds[len] != '|')
			break;
		kinds += len + 1;
	}
}
