// SPDX-License-Identifier: Apache-2.0
/*
 * Rows: which tools may be used, and from where.
 */
#include <config.h>

#include "controller/config/schema-rows.h"

static const char *const profiles[] = { "minimal", "coding", "messaging",
					"full", NULL };

static const struct cfg_key rows[] = {
	{ "profile", CFG_IN_TOOLS, CFG_KIND_ENUM, .choices = profiles,
	  .help = "A ready-made list of tools, the first stage: minimal is "
		  "session_status; coding is group:fs, group:runtime, "
		  "group:sessions, group:memory and image; messaging is "
		  "group:messaging, sessions_list, sessions_history, "
		  "sessions_send and session_status; full is everything." },
	{ "allow", CFG_IN_TOOLS, CFG_KIND_STRINGS, CFG_MERGE_BOTH,
	  .help = "Tools that may be used: names, patterns with *, and "
		  "groups. An empty list allows all." },
	{ "alsoAllow", CFG_IN_TOOLS, CFG_KIND_STRINGS, CFG_MERGE_BOTH,
	  .help = "Tools beside those of the profile of the same level. "
		  "Without a profile it counts as allow: [\"*\"] with these. "
		  "It cannot stand beside allow." },
	{ "deny", CFG_IN_TOOLS, CFG_KIND_STRINGS, CFG_MERGE_BOTH,
	  .help = "Tools that may not be used; it wins over allow." },
	{ "profile", CFG_IN_PROVIDER, CFG_KIND_ENUM, .choices = profiles,
	  .help = "The profile for one provider, provider/model before "
		  "provider." },
	{ "allow", CFG_IN_PROVIDER, CFG_KIND_STRINGS, CFG_MERGE_BOTH,
	  .help = "As allow, for one provider." },
	{ "alsoAllow", CFG_IN_PROVIDER, CFG_KIND_STRINGS, CFG_MERGE_BOTH,
	  .help = "As alsoAllow, for one provider." },
	{ "deny", CFG_IN_PROVIDER, CFG_KIND_STRINGS, CFG_MERGE_BOTH,
	  .help = "As deny, for one provider." },
	{ "sandbox.tools.allow", CFG_IN_TOOLS, CFG_KIND_STRINGS,
	  .fallback = "[\"exec\", \"process\", \"read\", \"write\", \"edit\", "
		      "\"apply_patch\", \"image\", \"sessions_list\", "
		      "\"sessions_history\", \"sessions_send\", "
		      "\"sessions_spawn\", \"session_status\"]",
	  .help = "Tools of sandboxed sessions. image is added unless it is "
		  "there or denied, so that an empty list leaves image "
		  "alone. Without a file, and in TOML, the default also has "
		  "python_execute and python_environment_info." },
	{ "sandbox.tools.deny", CFG_IN_TOOLS, CFG_KIND_STRINGS,
	  .fallback = "[\"browser\", \"canvas\", \"nodes\", \"cron\", "
		      "\"gateway\", \"telegram\", \"whatsapp\", \"discord\", "
		      "\"googlechat\", \"slack\", \"signal\", \"imessage\"]",
	  .help = "Tools that sandboxed sessions may not use." },
	{ "tools.subagents.tools.allow", CFG_IN_ROOT, CFG_KIND_STRINGS,
	  .help = "Tools of sessions that another session has spawned." },
	{ "tools.subagents.tools.deny", CFG_IN_ROOT, CFG_KIND_STRINGS,
	  .fallback = "[\"sessions_list\", \"sessions_history\", "
		      "\"sessions_send\", \"sessions_spawn\", \"gateway\", "
		      "\"agents_list\", \"whatsapp_login\", "
		      "\"session_status\", \"cron\", \"memory_search\", "
		      "\"memory_get\"]",
	  .help = "Tools that such sessions may not use, beside the "
		  "default." },
	{ "elevated.enabled", CFG_IN_TOOLS, CFG_KIND_BOOL, CFG_MERGE_BOTH,
	  .fallback = "true",
	  .help = "Whether exec may be asked to run on the host; false at "
		  "either level forbids it." },
	{ "elevated.allowFrom", CFG_IN_TOOLS, CFG_KIND_LISTS, CFG_MERGE_BOTH,
	  .help = "Who may ask for it, by channel: {channel: [sender, ...]}, "
		  "where * is everybody. Without an entry for the channel, "
		  "nobody. Where the agent sets it, the sender must be in "
		  "both." },
	{ "exec.backgroundMs", CFG_IN_TOOLS, CFG_KIND_INTEGER,
	  .fallback = "10000", .min = 0, .max = 86400000,
	  .help = "How many milliseconds exec waits for a command before that "
		  "goes on in the background; yieldMs says otherwise." },
	{ "exec.timeoutSec", CFG_IN_TOOLS, CFG_KIND_NUMBER, .fallback = "1800",
	  .min = 0.001, .max = 604800,
	  .help = "After how many seconds a command is killed, in the "
		  "background too; timeout says otherwise." },
	{ "exec.cleanupMs", CFG_IN_TOOLS, CFG_KIND_INTEGER,
	  .fallback = "1800000", .min = 0, .max = 604800000,
	  .help = "How many milliseconds a background command that is over "
		  "stays known." },
	{ "exec.maxOutputBytes", CFG_IN_TOOLS, CFG_KIND_BYTES,
	  .fallback = "8MiB", .min = 65536, .max = 67108864,
	  .help = "How much output of a background command is kept; of more, "
		  "the oldest goes, and the answers say how much." },
	{ "exec.pathPrepend", CFG_IN_TOOLS, CFG_KIND_STRINGS,
	  .help = "Folders that come before those of PATH, and behind those "
		  "that a call asks for." },
	{ "exec.notifyOnExit", CFG_IN_TOOLS, CFG_KIND_BOOL, .fallback = "true",
	  .help = "Accepted, and without effect: creel events tells it "
		  "always." },
	{ "exec.host", CFG_IN_TOOLS, CFG_KIND_STRING,
	  .help = "Accepted, and without effect: the session's mode says "
		  "where commands run." },
	{ "exec.security", CFG_IN_TOOLS, CFG_KIND_STRING,
	  .help = "Accepted, and without effect: no list of commands keeps a "
		  "shell in, the sandbox does." },
	{ "exec.ask", CFG_IN_TOOLS, CFG_KIND_STRING,
	  .help = "Accepted, and without effect: creel asks nobody." },
	{ "exec.node", CFG_IN_TOOLS, CFG_KIND_STRING,
	  .help = "Accepted, and without effect: there are no nodes." },
	{ "exec.applyPatch.enabled", CFG_IN_TOOLS, CFG_KIND_BOOL,
	  .help = "Accepted, and without effect: policy says whether "
		  "apply_patch may be used." },
	{ "exec.applyPatch.allowModels", CFG_IN_TOOLS, CFG_KIND_STRINGS,
	  .help = "Accepted, and without effect: creel knows models by "
		  "tools.byProvider alone." },
};

const struct cfg_rows cfg_rows_tools = {
	.rows = rows,
	.count = CFG_ROWS(rows),
	.title = "Which tools may be used",
	.intro = "Those that begin with\n"
		 ".Va tools\n"
		 "may also stand in an entry of\n"
		 ".Va agents.list ,\n"
		 "but for\n"
		 ".Va tools.subagents .\n"
		 "The stages are explained in\n"
		 ".Xr creel-explain 1 .",
};
