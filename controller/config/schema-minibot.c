// SPDX-License-Identifier: Apache-2.0
/*
 * Rows: tools.bash, tools.apply_patch and tools.file_storage.
 */
#include <config.h>

#include "controller/config/schema-rows.h"

#define BASH(name, type) "tools.bash." name, CFG_IN_ROOT, CFG_KIND_##type
#define PATCH(name, type) \
	"tools.apply_patch." name, CFG_IN_ROOT, CFG_KIND_##type
#define FILES(name, type) \
	"tools.file_storage." name, CFG_IN_ROOT, CFG_KIND_##type
#define SECONDS .min = 1, .max = 86400
#define BYTES .min = 1, .max = 1e12

static const struct cfg_key rows[] = {
	{ BASH("enabled", BOOL), .fallback = "false",
	  .help = "Whether bash is offered." },
	{ BASH("default_timeout_seconds", INTEGER), .fallback = "15", SECONDS,
	  .help = "How long a command may run where the call does not say." },
	{ BASH("max_timeout_seconds", INTEGER), .fallback = "120", SECONDS,
	  .help = "What a call may ask for at most." },
	{ BASH("max_output_bytes", BYTES), .fallback = "128KB", BYTES,
	  .help = "How much output is kept." },
	{ BASH("pass_parent_env", BOOL), .fallback = "true",
	  .help = "Whether the command sees the caller's environment, where "
		  "it runs on the host." },
	{ BASH("env_allowlist", STRINGS),
	  .fallback = "[\"PATH\", \"HOME\", \"USER\", \"LANG\", \"LC_ALL\", "
		      "\"SHELL\"]",
	  .help = "Variables that it sees where it does not see all." },
	{ BASH("spill_to_managed_file", BOOL), .fallback = "false",
	  .help = "Whether long output is put into a file." },
	{ BASH("spill_after_chars", INTEGER), .min = 1, .max = 1e9,
	  .help = "From how many characters on." },
	{ BASH("spill_preview_chars", INTEGER), .min = 1, .max = 1e9,
	  .help = "How many of them the answer shows all the same." },
	{ BASH("spill_subdir", STRING),
	  .help = "Where below tools.file_storage.root_dir the file goes." },
	{ PATCH("enabled", BOOL), .fallback = "false",
	  .help = "Whether apply_patch is offered in MiniBot's form." },
	{ PATCH("restrict_to_workspace", BOOL), .fallback = "true",
	  .help = "Whether patches are kept to workspace_root." },
	{ PATCH("workspace_root", STRING), .fallback = ".",
	  .help = "The folder that patches apply to." },
	{ PATCH("allow_outside_workspace", BOOL), .fallback = "false",
	  .help = "Whether a path may leave workspace_root." },
	{ PATCH("preserve_trailing_newline", BOOL), .fallback = "true",
	  .help = "Whether a file's last line keeps its end as it was." },
	{ PATCH("max_patch_bytes", BYTES), .fallback = "256KB", BYTES,
	  .help = "How long a patch may be." },
	{ FILES("enabled", BOOL), .fallback = "false",
	  .help = "Whether the file tools are offered in MiniBot's form." },
	{ FILES("root_dir", STRING), .fallback = "./data/files",
	  .help = "The folder that every path of theirs is below." },
	{ FILES("max_write_bytes", BYTES), .fallback = "64KB", BYTES,
	  .help = "How much one call may write." },
	{ FILES("allow_outside_root", BOOL), .fallback = "false",
	  .help = "Whether a path may leave root_dir." },
	{ FILES("save_incoming_uploads", BOOL), .fallback = "false",
	  .help = "Belongs to MiniBot; accepted, and without effect here." },
	{ FILES("uploads_subdir", STRING), .fallback = "uploads",
	  .help = "Belongs to MiniBot; accepted, and without effect here." },
	{ FILES("incoming_temp_subdir", STRING), .fallback = "uploads/temp",
	  .help = "Belongs to MiniBot; accepted, and without effect here." },
};

const struct cfg_rows cfg_rows_minibot = {
	.rows = rows,
	.count = CFG_ROWS(rows),
	.title = "Shell, patches and files",
	.intro = "As MiniBot has them.",
};
