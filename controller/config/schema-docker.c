// SPDX-License-Identifier: Apache-2.0
/*
 * Rows: agents.defaults.sandbox.docker, named after what it configured first.
 */
#include <config.h>

#include "controller/config/schema-rows.h"

#define BYTES_MAX 1152921504606846976.0 /* 2^60 */

static const struct cfg_key rows[] = {
	{ "docker.image", CFG_IN_SANDBOX, CFG_KIND_STRING,
	  .fallback = "openclaw-sandbox:bookworm-slim",
	  .help = "An image by its name, a folder by its absolute path, or "
		  "host: the host's /usr. Where one of Moltbot's default "
		  "images is not in the store it is host; another that is not "
		  "there is an error." },
	{ "docker.containerPrefix", CFG_IN_SANDBOX, CFG_KIND_NAME,
	  .fallback = "openclaw-sbx-",
	  .help = "What the names of sandboxes begin with." },
	{ "docker.workdir", CFG_IN_SANDBOX, CFG_KIND_TARGET,
	  .fallback = "/workspace",
	  .help = "Where the workspace is inside, and where commands start." },
	{ "docker.readOnlyRoot", CFG_IN_SANDBOX, CFG_KIND_BOOL,
	  .fallback = "true",
	  .help = "false lets the root file system be written; that needs an "
		  "image, and what is written goes with the sandbox." },
	{ "docker.tmpfs", CFG_IN_SANDBOX, CFG_KIND_TMPFS_LIST,
	  .fallback = "[\"/tmp\", \"/var/tmp\", \"/run\"]",
	  .help = "Empty file systems in memory: PATH or PATH:OPTIONS, with "
		  "size=SIZE and mode=OCTAL, separated by commas." },
	{ "docker.network", CFG_IN_SANDBOX, CFG_KIND_STRING,
	  .fallback = "none",
	  .help = "none is loopback alone, host the host's network." },
	{ "docker.user", CFG_IN_SANDBOX, CFG_KIND_USER,
	  .fallback = "(0:0 where the configuration is JSON5, else 1000:1000)",
	  .help = "Whom commands run as inside: UID, UID:GID, or a name that "
		  "the image knows. Root inside is nobody outside." },
	{ "docker.capDrop", CFG_IN_SANDBOX, CFG_KIND_CAP_LIST,
	  .fallback = "[\"ALL\"]",
	  .help = "Capabilities that commands do not have. Without ALL they "
		  "have those that Docker gives, less this list and less "
		  "what no sandbox has." },
	{ "docker.env", CFG_IN_SANDBOX, CFG_KIND_MAP, CFG_MERGE_MAP,
	  .fallback = "{\"LANG\": \"C.UTF-8\"}",
	  .help = "Environment of commands. The host's is never inherited. "
		  "The default counts where neither level sets any." },
	{ "docker.setupCommand", CFG_IN_SANDBOX, CFG_KIND_STRING_OR_STRINGS,
	  .help = "Run once by sh -lc, as the sandbox's user, when the "
		  "sandbox has been made; an array is its lines. Where it "
		  "fails the sandbox is removed." },
	{ "docker.setupTimeout", CFG_IN_SANDBOX, CFG_KIND_DURATION,
	  .fallback = "10m", .min = 1000, .max = 86400000,
	  .help = "How long setupCommand may take." },
	{ "docker.pidsLimit", CFG_IN_SANDBOX, CFG_KIND_INTEGER, .min = 1,
	  .max = 4194304,
	  .help = "How many processes and threads there may be inside." },
	{ "docker.memory", CFG_IN_SANDBOX, CFG_KIND_SIZE, .min = 0,
	  .max = BYTES_MAX, .help = "Limit of memory; 0 is none." },
	{ "docker.memorySwap", CFG_IN_SANDBOX, CFG_KIND_SIZE, .min = -1,
	  .max = BYTES_MAX,
	  .help = "Limit of memory and swap together, so at least memory, "
		  "which must be set too; -1 is as much swap as there is, 0 "
		  "counts as not set. Without it a memory limit allows no "
		  "swap." },
	{ "docker.cpus", CFG_IN_SANDBOX, CFG_KIND_NUMBER, .min = 0.01,
	  .max = 4096, .help = "Processor time, such as 0.5 or 2." },
	{ "docker.ulimits", CFG_IN_SANDBOX, CFG_KIND_ULIMITS, CFG_MERGE_MAP,
	  .help = "Resource limits of each process by their names of "
		  "setrlimit(2) in lower case, without rlimit: a number for "
		  "both, \"SOFT:HARD\", or {soft: NUMBER, hard: NUMBER}. -1 "
		  "and unlimited are no limit. A hard limit above that of "
		  "creel itself is an error, and so is core above 0." },
	{ "docker.seccompProfile", CFG_IN_SANDBOX, CFG_KIND_PATH,
	  .help = "A system call filter in Docker's JSON format. It can only "
		  "take away from creel's own. Names in it that are no system "
		  "calls are passed over, and a warning tells them." },
	{ "docker.apparmorProfile", CFG_IN_SANDBOX, CFG_KIND_STRING,
	  .help = "An AppArmor profile that is loaded on the host, for every "
		  "command. A host without AppArmor is an error; unconfined "
		  "changes nothing." },
	{ "docker.dns", CFG_IN_SANDBOX, CFG_KIND_ADDRESS_LIST,
	  .help = "Addresses of name servers." },
	{ "docker.extraHosts", CFG_IN_SANDBOX, CFG_KIND_HOST_LIST,
	  .help = "Lines of /etc/hosts: NAME:ADDRESS." },
	{ "docker.binds", CFG_IN_SANDBOX, CFG_KIND_BIND_LIST,
	  CFG_MERGE_CONCAT,
	  .help = "Folders and files of the host that appear inside: "
		  "SOURCE:TARGET or SOURCE:TARGET:MODE, where the mode is rw "
		  "or ro and rw is the default. SOURCE must be there when the "
		  "sandbox is made." },
};

const struct cfg_rows cfg_rows_docker = {
	.rows = rows,
	.count = CFG_ROWS(rows),
	.title = "What a sandbox is made of",
	.intro = "These stand below\n"
		 ".Va agents.defaults.sandbox\n"
		 "or\n"
		 ".Va agents.list[].sandbox ,\n"
		 "too.\n"
		 "Docker is not used; the section has kept its name.",
};
