// SPDX-License-Identifier: Apache-2.0
/*
 * Rows: agents, sessions, and what is creel's own at the top.
 */
#include <config.h>

#include "controller/config/schema-rows.h"

static const char *const session_scopes[] = { "per-sender", "global", NULL };

static const struct cfg_key agents_rows[] = {
	{ "id", CFG_IN_AGENT, CFG_KIND_STRING, .fallback = NULL,
	  .help = "The agent's name; each entry of the list must have one. "
		  "It is folded: lower case, runs of other characters than "
		  "letters, digits, - and _ become one dash, dashes at both "
		  "ends are cut, and so is what is beyond 64 characters; "
		  "nothing left is main. Two entries must not have the same "
		  "id." },
	{ "default", CFG_IN_AGENT, CFG_KIND_BOOL, .fallback = "false",
	  .help = "The agent that a session key belongs to which names none. "
		  "Where no entry says so it is the first; without a list it "
		  "is main. Only one entry may say so." },
	{ "name", CFG_IN_AGENT, CFG_KIND_STRING, .fallback = NULL,
	  .help = "A name for people; creel does not use it." },
	{ "workspace", CFG_IN_DEFAULTS, CFG_KIND_PATH,
	  .fallback = "(~/.openclaw/workspace for the default agent and "
		      "workspace-ID beside it for others, where the "
		      "configuration is JSON5; ~/clawd and ~/clawd-ID, where "
		      "it is named moltbot or clawdbot; else in creel's state "
		      "directory)",
	  .help = "The agent's own folder on the host." },
	{ "session.mainKey", CFG_IN_ROOT, CFG_KIND_STRING, .fallback = "main",
	  .help = "What the last part of a main session's key is. "
		  "It is trimmed and put into lower case; empty counts as "
		  "main." },
	{ "session.scope", CFG_IN_ROOT, CFG_KIND_ENUM,
	  .fallback = "per-sender", .choices = session_scopes,
	  .help = "With global there is one main session for all, whose key "
		  "is global." },
};

const struct cfg_rows cfg_rows_agents = {
	.rows = agents_rows,
	.count = CFG_ROWS(agents_rows),
	.title = "Agents and sessions",
	.intro = "Entries of\n"
		 ".Va agents.list\n"
		 "have the keys that begin with\n"
		 ".Va agents.list[] .",
};

static const struct cfg_key own_rows[] = {
	{ "media.root", CFG_IN_ROOT, CFG_KIND_PATH,
	  .fallback = "(~/.openclaw/media where the configuration is JSON5, "
		      "~/.moltbot/media where it is named moltbot or "
		      "clawdbot, else media in creel's state directory)",
	  .help = "Media are taken from this folder and what is below it "
		  "alone." },
	{ "audit.maxDays", CFG_IN_ROOT, CFG_KIND_INTEGER, .fallback = "30",
	  .min = 1, .max = 36500,
	  .help = "Records of the audit log that are older are removed." },
	{ "audit.maxRecords", CFG_IN_ROOT, CFG_KIND_INTEGER,
	  .fallback = "100000", .min = 100, .max = 1e9,
	  .help = "Where there are more, the oldest are removed." },
};

const struct cfg_rows cfg_rows_own = {
	.rows = own_rows,
	.count = CFG_ROWS(own_rows),
	.title = "Media and the audit log",
	.intro = "These are creel's own.",
};
