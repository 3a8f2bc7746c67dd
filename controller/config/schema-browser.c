// SPDX-License-Identifier: Apache-2.0
/*
 * Rows: agents.defaults.sandbox.browser.
 */
#include <config.h>

#include "controller/config/schema-rows.h"

#define KEY(name, type) "browser." name, CFG_IN_SANDBOX, CFG_KIND_##type

static const struct cfg_key rows[] = {
	{ KEY("enabled", BOOL), .fallback = "false",
	  .help = "Whether there is a sandboxed browser." },
	{ KEY("image", STRING),
	  .fallback = "openclaw-sandbox-browser:bookworm-slim",
	  .help = "The image of the browser's sandbox." },
	{ KEY("containerPrefix", NAME), .fallback = "openclaw-sbx-browser-",
	  .help = "What the names of its sandboxes begin with." },
	{ KEY("cdpPort", INTEGER), .fallback = "9222", .min = 1, .max = 65535,
	  .help = "The port of the browser's debugging protocol." },
	{ KEY("vncPort", INTEGER), .fallback = "5900", .min = 1, .max = 65535,
	  .help = "The port of VNC." },
	{ KEY("noVncPort", INTEGER), .fallback = "6080", .min = 1,
	  .max = 65535, .help = "The port of VNC in a web page." },
	{ KEY("headless", BOOL), .fallback = "false",
	  .help = "Whether the browser goes without a display." },
	{ KEY("enableNoVnc", BOOL), .fallback = "true",
	  .help = "Whether VNC is offered as a web page." },
	{ KEY("allowHostControl", BOOL), .fallback = "false",
	  .help = "Whether a sandboxed session may use the host's browser." },
	{ KEY("allowedControlUrls", STRINGS),
	  .help = "Browsers elsewhere that may be used, by address." },
	{ KEY("allowedControlHosts", STRINGS),
	  .help = "The same, by host." },
	{ KEY("allowedControlPorts", PORT_LIST),
	  .help = "The same, by port." },
	{ KEY("autoStart", BOOL), .fallback = "true",
	  .help = "Whether the browser is started when a tool needs it." },
	{ KEY("autoStartTimeoutMs", INTEGER), .fallback = "12000", .min = 1,
	  .max = 3600000,
	  .help = "How many milliseconds its start may take." },
};

const struct cfg_rows cfg_rows_browser = {
	.rows = rows,
	.count = CFG_ROWS(rows),
	.title = "The sandboxed browser",
	.intro = "And so do these.",
};
