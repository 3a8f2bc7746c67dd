// SPDX-License-Identifier: Apache-2.0
/*
 * Rows: a sandbox, but for its docker and browser sections.
 */
#include <config.h>

#include "controller/config/schema-rows.h"

static const char *const modes[] = { "off", "non-main", "all", NULL };
static const char *const scopes[] = { "session", "agent", "shared", NULL };
static const char *const accesses[] = { "none", "ro", "rw", NULL };
static const char *const sights[] = { "spawned", "all", NULL };
static const char *const enforcements[] = { "strict", "best-effort", NULL };

static const struct cfg_key rows[] = {
	{ "mode", CFG_IN_SANDBOX, CFG_KIND_ENUM, .choices = modes,
	  .fallback = "(off where the configuration is JSON5; all where it is "
		      "TOML or there is none)",
	  .help = "Which sessions are sandboxed: none, every one but the "
		  "agent's main session, or all." },
	{ "scope", CFG_IN_SANDBOX, CFG_KIND_ENUM, .choices = scopes,
	  .fallback = "(by perSession; agent where that is not set either)",
	  .help = "What gets a sandbox of its own: each session, each agent, "
		  "or none, so that all share one. Under shared the agent's "
		  "own docker, browser and prune sections are not looked "
		  "at." },
	{ "perSession", CFG_IN_SANDBOX, CFG_KIND_BOOL,
	  .help = "The older form of scope, read where scope is not set: "
		  "true is session, false is shared." },
	{ "workspaceAccess", CFG_IN_SANDBOX, CFG_KIND_ENUM,
	  .fallback = "none", .choices = accesses,
	  .help = "How the agent's workspace is seen: not at all, read-only "
		  "at /agent, or for reading and writing at the working "
		  "directory. With none and ro the working directory shows a "
		  "folder below workspaceRoot." },
	{ "workspaceRoot", CFG_IN_SANDBOX, CFG_KIND_PATH,
	  .fallback = "(~/.openclaw/sandboxes where the configuration is "
		      "JSON5, ~/.moltbot/sandboxes where it is named moltbot "
		      "or clawdbot, else sandboxes in creel's state "
		      "directory)",
	  .help = "Where the folders of sandboxes are made. With scope shared "
		  "it is itself the folder." },
	{ "sessionToolsVisibility", CFG_IN_SANDBOX, CFG_KIND_ENUM,
	  .choices = sights,
	  .help = "Belongs to the gateway; accepted, and without effect "
		  "here." },
	{ "protectPaths", CFG_IN_SANDBOX, CFG_KIND_PROTECT_LIST, CFG_MERGE_CONCAT,
	  .help = "Names in a workspace that can be written which the sandbox "
		  "may read and not write, beside those that are protected "
		  "anyway: what the host trusts later, such as .git/hooks, "
		  ".git/config and .envrc; see creel-security(7). An entry "
		  "that begins with ! opens that path, and !* opens all. "
		  "A sandboxed git push -u needs !.git/config." },
	{ "allowSocketBinds", CFG_IN_SANDBOX, CFG_KIND_PATH_LIST,
	  CFG_MERGE_CONCAT,
	  .help = "Sockets of the host that binds may name. Whoever can talk "
		  "to a service of the host has what that service gives; "
		  "Docker's socket is as good as root." },
	{ "allowProtectedBinds", CFG_IN_SANDBOX, CFG_KIND_PATH_LIST,
	  CFG_MERGE_CONCAT,
	  .help = "Protected paths of the host that may be mounted all the "
		  "same, with what is below them: ~/.ssh, ~/.gnupg, folders "
		  "with credentials, /etc and others; creel-security(7) has "
		  "the list. /proc, /sys, /dev and creel's own cannot be "
		  "opened." },
	{ "limits.enforcement", CFG_IN_SANDBOX, CFG_KIND_ENUM,
	  .fallback = "strict", .choices = enforcements,
	  .help = "What happens where this machine cannot set a limit that "
		  "is asked for: an error, or with best-effort a warning." },
	{ "prune.idleHours", CFG_IN_SANDBOX, CFG_KIND_NUMBER,
	  .fallback = "24", .min = 0, .max = 1e6,
	  .help = "A sandbox that has not been used for so long is removed; "
		  "0 never." },
	{ "prune.maxAgeDays", CFG_IN_SANDBOX, CFG_KIND_NUMBER,
	  .fallback = "7", .min = 0, .max = 1e5,
	  .help = "A sandbox that is older is removed when no command runs "
		  "in it; 0 never." },
};

const struct cfg_rows cfg_rows_sandbox = {
	.rows = rows,
	.count = CFG_ROWS(rows),
	.title = "Sandboxes",
	.intro = "Each of these stands below\n"
		 ".Va agents.defaults.sandbox ,\n"
		 "for all agents, or below\n"
		 ".Va agents.list[].sandbox ,\n"
		 "for one.\n"
		 "Where both say something the agent's counts, unless it is said otherwise.",
};
