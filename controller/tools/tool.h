/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tools: what an agent calls.  A tool is code that turns checked arguments
 * into requests to a backend, and what comes back into a result.  It runs in
 * creeld, whose backend is a sandbox, and in the client, whose backend is the
 * host: it never touches a file or starts a process itself, it never waits,
 * and it does not know which of the two it is in but for what tool_env says.
 *
 *	tool_start --args--> tool->start() --requests--> backend
 *	           <--result-- tool_done()  <--answers--
 */
#ifndef CONTROLLER_TOOLS_TOOL_H
#define CONTROLLER_TOOLS_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "controller/config/config.h"
#include "controller/policy/resolve.h"
#include "proto/err.h"

struct tool;
struct tool_backend;
struct tool_call;
struct tool_result;

#define TOOL_ARGS_MAX_BYTES (8U << 20)   /* of one call, as JSON */
#define TOOL_RESULT_MAX_BYTES (16U << 20)
#define TOOL_TEXT_MAX_BYTES 51200        /* of a file's part, as read gives it */
#define TOOL_TEXT_MAX_LINES 2000
#define TOOL_FILE_MAX_BYTES (10U << 20)  /* that is edited, patched or shown as an image */

/* What a parameter may be. Which one is wrong is said by name, with what was
 * expected and what came. */
enum tool_kind {
	TOOL_KIND_INVALID = 0,
	TOOL_KIND_STRING,
	TOOL_KIND_INTEGER,
	TOOL_KIND_NUMBER,
	TOOL_KIND_BOOLEAN,
	TOOL_KIND_STRINGS, /* an array */
	TOOL_KIND_MAP,     /* an object of strings */
};

struct tool_param {
	const char *name;
	enum tool_kind kind;
	bool required;
	bool nul;            /* a string may hold U+0000; else it is refused */
	double min, max;     /* of numbers; of a string its length in bytes; both 0: no bounds */
	const char *const *choices; /* NULL-terminated; NULL: any */
	const char *alias;   /* another name that is understood; NULL */
	const char *help;    /* one or two sentences, for the model */
};

enum {
	TOOL_READ_ONLY = 1,    /* MCP's annotations */
	TOOL_DESTRUCTIVE = 2,
	TOOL_IDEMPOTENT = 4,
	TOOL_OPEN_WORLD = 8,
	TOOL_WRITES = 16,      /* not offered under workspaceAccess ro */
	TOOL_MINIBOT = 32,     /* of MiniBot's */
	TOOL_HIDDEN = 64,      /* in no list: of creel mcp alone */
};

struct tool {
	const char *name;
	const char *policy;    /* the name that policy knows it by; NULL: the same */
	const char *title;
	const char *help;      /* its description, for the model */
	unsigned int flags;
	const struct tool_param *params; /* ended by one without a name */
	/* Is it there at all in this configuration?  NULL: always. */
	bool (*offered)(const struct cfg *cfg);
	/*
	 * Is it run in a sandbox of its own, whatever its session is?  NULL:
	 * never.
	 */
	bool (*jailed)(const struct cfg *cfg);
	/*
	 * Begins. call->args is checked against params, aliases are replaced.
	 * Ends in tool_done() or tool_fail(), at once or later, once.
	 */
	void (*start)(struct tool_call *call);
	void (*free_state)(void *state); /* of call->state; NULL: nothing to do */
};

/* Where and for whom; one for many calls. All borrowed. */
struct tool_env {
	const struct pol_session *session;
	bool sandboxed;
	bool jailed; /* it is not, but all that the call runs is, in jails */
	/*
	 * What relative paths mean and, where it is confined, what no path
	 * leaves: the workdir inside, or the agent's workspace on the host.
	 */
	const char *root;
	bool confined;
	const char *const *host_env; /* of the client, on the host; NULL inside */
};

typedef void tool_done_fn(struct tool_call *call, void *arg);
typedef void tool_progress_fn(struct tool_call *call, uint64_t output_bytes,
			      const char *text, size_t len, void *arg);

struct tool_call {
	const struct tool *tool;
	const struct tool_env *env;            /* borrowed */
	const struct tool_backend *backend;    /* borrowed */
	void *backend_arg;                     /* the backend's; what it hangs its own things on */
	json_t *args;                          /* owned; an object */
	uint8_t token[16];
	bool elevated;     /* it was let through the gates, and runs on the host */
	/*
	 * Files are asked for in the jail that a command of this call was run
	 * in, which lives until the call is over or another one is made.
	 */
	bool in_jail;
	/*
	 * The command of the token runs already: it was begun by an earlier
	 * creeld, and the first run() waits for it.
	 */
	bool again;
	/*
	 * What this call's paths are relative to on the host, and whether none
	 * leaves it, by links neither; the environment's unless a tool sets it.
	 */
	char *root; /* owned; absolute; NULL: env->root */
	bool confined;
	void *state;       /* the tool's own; released by tool->free_state */
	struct tool_result *result; /* owned; set by tool_done() */
	bool over, cancelled;
	uint64_t started_usec; /* monotonic */
	tool_done_fn *done;
	tool_progress_fn *progress; /* NULL: nobody listens */
	void *arg;         /* of both */
};

/*
 * What a call comes to; becomes MCP's CallToolResult: content,
 * structuredContent,
 * isError.  sandboxed, durationMs, memoryPeak and cpuUsec are added to
 * structuredContent from here.
 */
struct tool_result {
	bool error;
	uint32_t status;      /* for the audit log: 0, the command's, or 1 */
	char *text;           /* owned; what a model reads; UTF-8, whole */
	size_t text_len;
	json_t *structured;   /* owned; an object, never NULL once done */
	char *image;          /* owned; base64, NULL none */
	char image_mime[32];
	bool has_memory, has_cpu;
	uint64_t memory_peak, cpu_usec;
	char reason[160];     /* of an error, for the audit log */
};

/* Does what it runs run in a sandbox? */
static inline bool tool_is_sandboxed(const struct tool_call *call)
{
	return (call->env->sandboxed || call->env->jailed) && !call->elevated;
}

/* table.c: all tools, ended by NULL */
const struct tool *const *tool_all(void);
/* By its name; M's names where the configuration is M's: bash is exec there. */
const struct tool *tool_find(const struct cfg *cfg, const char *name);
bool tool_is_offered(const struct cfg *cfg, const struct tool *tool);

/* schema.c */
json_t *tool_schema(const struct tool *tool); /* JSON Schema 2020-12, new reference */
/* As an entry of MCP's tools/list: name, title, description, inputSchema, outputSchema, annotations. */
json_t *tool_describe(const struct tool *tool);
/* -1: which argument, what was expected, what came. Replaces aliases, drops nulls. */
int tool_check_args(const struct tool *tool, json_t *args, struct err *err);

/* call.c */
/* @args: taken over. NULL: no memory, or the arguments are wrong (@err). */
struct tool_call *tool_call_new(const struct tool *tool,
				const struct tool_env *env, json_t *args,
				struct err *err);
void tool_start(struct tool_call *call);
/* The backend ends what runs; done is called all the same, perhaps later. */
void tool_cancel(struct tool_call *call);
/* Only when it is over, or nothing of it will ever call back. */
void tool_call_free(struct tool_call *call);

/* For tools: the end of a call. @structured is taken over; @text is copied, NULL: none.
 * Both return nothing to do: the call may be gone. */
void tool_done(struct tool_call *call, json_t *structured, const char *text,
	       size_t len);
/* An error that the model can read: code is a word such as not_found, invalid_argument. */
void tool_fail(struct tool_call *call, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* With members of its own beside code and error; @structured is taken over. */
void tool_fail_with(struct tool_call *call, json_t *structured,
		    const char *code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* Set before tool_done(): what the command used, or how it ended. */
struct tool_result *tool_result_of(struct tool_call *call);

/* result.c: MCP's CallToolResult as text; owned, NULL: no memory */
char *tool_result_json(const struct tool_call *call, size_t *len);
/* The same for what went wrong before there was a call. */
char *tool_error_json(const char *code, const char *text, bool sandboxed,
		      size_t *len);
char *tool_refusal_json(const struct tool *tool, const char *code,
			const char *text, bool sandboxed, size_t *len);

/* schema.c: what a value is, with its article */
const char *tool_type_name(const json_t *value);

/* dump.c: compact JSON; owned, NULL: no memory */
char *tool_dump(const json_t *value, size_t *len);

/* args.c: of call->args, which are checked; the default where it is not given */
const char *tool_arg_string(const struct tool_call *call, const char *name,
			    const char *fallback);
size_t tool_arg_length(const struct tool_call *call, const char *name);
bool tool_arg_bool(const struct tool_call *call, const char *name,
		   bool fallback);
double tool_arg_number(const struct tool_call *call, const char *name,
		       double fallback);
bool tool_arg_given(const struct tool_call *call, const char *name);

/* text.c: @bytes as UTF-8: each byte that is none of it becomes U+FFFD. Owned. */
char *tool_utf8(const char *bytes, size_t len, size_t *out_len);

/* path.c */
/*
 * A path as a model writes it: ~ and Unicode spaces normalised, made relative
 * to env->root. -1 (DENIED, "Path escapes sandbox root: ...") where it is confined
 * and leaves it. @rel: owned; no leading slash, no "." or ".."; "" is the root.
 * Where it is not confined, @rel may be absolute.
 */
int tool_path(const struct tool_env *env, const char *path, size_t len,
	      char **rel, struct err *err);

#endif
