/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the files of the server.
 */
#ifndef CONTROLLER_MCP_SERVE_H
#define CONTROLLER_MCP_SERVE_H

#include <stdint.h>
#include <sys/queue.h>

#include <jansson.h>

#include "controller/cli/toolbox.h"
#include "controller/mcp/lines.h"
#include "controller/mcp/message.h"
#include "controller/mcp/server.h"

struct event;

#define MCP_CALLS_ACTIVE 64     /* at once; the others wait for their turn */
#define MCP_CALLS_MAX 1024
#define MCP_CALLS_MAX_BYTES (32U << 20) /* of arguments that wait */

enum mcp_asked {
	MCP_ASKED_INVALID = 0,
	MCP_ASKED_TOOL,
	MCP_ASKED_LIST, /* of resources */
	MCP_ASKED_READ,
};

/* What the client waits for, and the toolbox is asked for. */
struct mcp_call {
	TAILQ_ENTRY(mcp_call) link;
	struct mcp_server *server;  /* borrowed */
	enum mcp_asked asked;
	char *id;                   /* owned; as it was written */
	char *name;                 /* owned; of the tool */
	char *args;                 /* owned; NULL once it has begun */
	size_t len;
	char *token;                /* owned; of its progress; NULL: not wanted */
	uint64_t progress;
	struct toolbox_call *call;  /* borrowed; NULL: it waits */
	bool cancelled;             /* by the client: no answer */
};
TAILQ_HEAD(mcp_calls, mcp_call);

/* By their severity, as RFC 5424 has them. */
enum mcp_level {
	MCP_LEVEL_INVALID = 0,
	MCP_LEVEL_DEBUG,
	MCP_LEVEL_INFO,
	MCP_LEVEL_NOTICE,
	MCP_LEVEL_WARNING,
	MCP_LEVEL_ERROR,
	MCP_LEVEL_CRITICAL,
	MCP_LEVEL_ALERT,
	MCP_LEVEL_EMERGENCY,
};

struct mcp_server {
	struct mcp_options options;
	struct mcp_ops ops;
	void *arg;             /* of ops */
	struct toolbox *toolbox; /* owned */
	struct event *wake;    /* owned; to go on from the event loop */
	struct evbuffer *out;  /* owned */
	struct mcp_lines lines;
	struct mcp_calls calls;
	size_t n_calls, n_active, waiting_bytes;
	/* the toolbox */
	bool opened, failed;
	struct err err;        /* why it failed */
	char hint[160];
	json_t *tools;         /* owned; an array, as they are listed */
	json_t *warnings;      /* owned; an array: what is not said yet */
	char *instructions;    /* owned */
	/* the client */
	char *initialize;      /* owned; id of the request that waits for the toolbox */
	const char *version;   /* of the protocol; NULL: not initialized */
	enum mcp_level level;  /* below it nothing is logged */
	bool ended;            /* it will not say more */
	bool told;             /* why there is no toolbox */
	bool no_memory;
};

/* answer.c: whatever is given as json_t is taken over */
json_t *mcp_text(const char *text);
void mcp_answer(struct mcp_server *server, const char *id, json_t *result);
void mcp_answer_text(struct mcp_server *server, const char *id,
		     const char *json, size_t len);
/* @id: NULL none */
void mcp_refuse(struct mcp_server *server, const char *id, enum mcp_code code,
		const char *text, json_t *data);
__attribute__((format(printf, 4, 5))) void
mcp_refusef(struct mcp_server *server, const char *id, enum mcp_code code,
	    const char *fmt, ...);
void mcp_notify(struct mcp_server *server, const char *method, json_t *params);
/* @token: as the client wrote it */
void mcp_progress(struct mcp_server *server, const char *token, json_t *params);
void mcp_log(struct mcp_server *server, enum mcp_level level, const char *text);
enum mcp_level mcp_level_find(const char *name);

/* params.c: -1: it was refused */
int mcp_param_string(struct mcp_server *server,
		     const struct mcp_message *message, const char *name,
		     bool required, const char **value);
int mcp_param_token(struct mcp_server *server,
		    const struct mcp_message *message, char **token);

/* server.c */
bool mcp_is_ready(const struct mcp_server *server); /* to be told things */

/* hello.c */
void mcp_do_initialize(struct mcp_server *server,
		       const struct mcp_message *message);
void mcp_hello(struct mcp_server *server); /* answers it */
char *mcp_instructions(const struct toolbox_info *info);

/* tools.c */
json_t *mcp_tools_filter(const char *text, size_t len, const char *only);
bool mcp_tool_is_left_out(const struct mcp_server *server, const char *name);
void mcp_do_tools_list(struct mcp_server *server,
		       const struct mcp_message *message);
void mcp_do_tools_call(struct mcp_server *server,
		       const struct mcp_message *message);

/* calls.c */
struct mcp_call *mcp_call_new(struct mcp_server *server,
			      const struct mcp_message *message,
			      enum mcp_asked asked, const char *name);
/* @args: taken over */
void mcp_call_go(struct mcp_call *call, char *args, size_t len);
void mcp_call_free(struct mcp_call *call);
bool mcp_call_is_known(const struct mcp_server *server, const char *id);
void mcp_calls_cancel(struct mcp_server *server, const char *id);
/* None of them will come to anything. */
void mcp_calls_end(struct mcp_server *server, const char *why);
void mcp_calls_next(struct mcp_server *server);

/* resources.c */
void mcp_do_resources_list(struct mcp_server *server,
			   const struct mcp_message *message);
void mcp_do_resources_read(struct mcp_server *server,
			   const struct mcp_message *message);
void mcp_do_resources_templates(struct mcp_server *server,
				const struct mcp_message *message);
/* What the toolbox answered. */
void mcp_resources_answer(struct mcp_call *call, const char *json, size_t len);

#endif
