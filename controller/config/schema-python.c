// SPDX-License-Identifier: Apache-2.0
/*
 * Rows: tools.python_exec.
 */
#include <config.h>

#include "controller/config/schema-rows.h"

#define KEY(name, type) \
	"tools.python_exec." name, CFG_IN_ROOT, CFG_KIND_##type
#define SECONDS .min = 1, .max = 86400
#define BYTES .min = 1, .max = 1e12

static const char *const modes[] = { "none", "basic", "rlimit", "cgroup",
				     "jail", NULL };
static const char *const backends[] = { "host", NULL };
static const char *const drivers[] = { "systemd", NULL };

static const struct cfg_key rows[] = {
	{ KEY("enabled", BOOL), .fallback = "true",
	  .help = "Whether python_execute is offered." },
	{ KEY("backend", ENUM), .fallback = "host", .choices = backends,
	  .help = "Accepted, and without effect." },
	{ KEY("python_path", STRING),
	  .help = "The interpreter of the host's; empty counts as not set. One "
		  "without a slash is looked for as commands are." },
	{ KEY("venv_path", STRING),
	  .help = "A virtual environment of the host's whose interpreter is "
		  "used; empty counts as not set." },
	{ KEY("sandbox_mode", ENUM), .fallback = "basic", .choices = modes,
	  .help = "How the code is isolated. jail is a sandbox. A mode that "
		  "cannot be had is an error; none is fallen back to." },
	{ KEY("default_timeout_seconds", INTEGER), .fallback = "8", SECONDS,
	  .help = "How long the code may run where the call does not say." },
	{ KEY("max_timeout_seconds", INTEGER), .fallback = "20", SECONDS,
	  .help = "What a call may ask for at most." },
	{ KEY("max_output_bytes", BYTES), .fallback = "64KB", BYTES,
	  .help = "How much output is kept, of standard output first." },
	{ KEY("max_code_bytes", BYTES), .fallback = "32KB", BYTES,
	  .help = "How long the code may be." },
	{ KEY("pass_parent_env", BOOL), .fallback = "false",
	  .help = "Whether the code sees the caller's environment." },
	{ KEY("env_allowlist", STRINGS),
	  .fallback = "[\"PATH\", \"LANG\", \"LC_ALL\", \"PYTHONUTF8\"]",
	  .help = "Variables that it sees where it does not see all." },
	{ KEY("artifacts_enabled", BOOL), .fallback = "true",
	  .help = "Whether files that the code makes can be kept." },
	{ KEY("artifacts_default_subdir", STRING), .fallback = "generated",
	  .help = "Where below tools.file_storage.root_dir they go." },
	{ KEY("artifacts_allowed_extensions", STRINGS),
	  .fallback = "[\".png\", \".jpg\", \".jpeg\", \".pdf\", \".csv\", "
		      "\".txt\", \".json\", \".svg\"]",
	  .help = "Which files can be kept." },
	{ KEY("artifacts_max_files", INTEGER), .fallback = "5", .min = 1,
	  .max = 10000, .help = "How many of one run." },
	{ KEY("artifacts_max_file_bytes", BYTES), .fallback = "5MB", BYTES,
	  .help = "How large each may be." },
	{ KEY("artifacts_max_total_bytes", BYTES), .fallback = "20MB", BYTES,
	  .help = "How large all of one run may be." },
	{ KEY("artifacts_allow_in_jail", BOOL), .fallback = "false",
	  .help = "Whether files of a jail can be kept." },
	{ KEY("artifacts_jail_shared_dir", STRING),
	  .help = "The folder that a jail writes them to; empty counts as not "
		  "set." },
	{ KEY("rlimit.enabled", BOOL), .fallback = "false",
	  .help = "Must be true for sandbox_mode rlimit." },
	{ KEY("rlimit.cpu_seconds", INTEGER), .fallback = "2", SECONDS,
	  .help = "Processor time." },
	{ KEY("rlimit.memory_mb", INTEGER), .fallback = "256", .min = 1,
	  .max = 1e6, .help = "Address space, in MiB." },
	{ KEY("rlimit.fsize_mb", INTEGER), .fallback = "16", .min = 1,
	  .max = 1e6, .help = "Size of a file that is written, in MiB." },
	{ KEY("rlimit.nproc", INTEGER), .fallback = "64", .min = 1,
	  .max = 4194304, .help = "Processes and threads." },
	{ KEY("rlimit.nofile", INTEGER), .fallback = "256", .min = 1,
	  .max = 1048576, .help = "Open files." },
	{ KEY("cgroup.enabled", BOOL), .fallback = "false",
	  .help = "Must be true for sandbox_mode cgroup." },
	{ KEY("cgroup.driver", ENUM), .fallback = "systemd",
	  .choices = drivers, .help = "Accepted, and without effect." },
	{ KEY("cgroup.cpu_quota_percent", INTEGER), .fallback = "100",
	  .min = 1, .max = 409600,
	  .help = "Processor time, 100 being one processor." },
	{ KEY("cgroup.memory_max_mb", INTEGER), .fallback = "256", .min = 1,
	  .max = 1e9, .help = "Memory, in MiB." },
	{ KEY("jail.enabled", BOOL), .fallback = "false",
	  .help = "Must be true for sandbox_mode jail." },
	{ KEY("jail.command_prefix", STRINGS), .fallback = "[]",
	  .help = "A command line of firejail, which is read and turned into "
		  "a sandbox." },
};

const struct cfg_rows cfg_rows_python = {
	.rows = rows,
	.count = CFG_ROWS(rows),
	.title = "Running Python",
	.intro = "As MiniBot has them.",
};
