/* SPDX-License-Identifier: Apache-2.0 */
/*
 * May a tool be used? The stages, in their order; each can only take away.
 */
#ifndef CONTROLLER_POLICY_TOOLS_H
#define CONTROLLER_POLICY_TOOLS_H

#include <stdbool.h>
#include <stddef.h>

#include "controller/policy/resolve.h"

enum pol_stage {
	POL_STAGE_INVALID = 0,
	POL_STAGE_PROFILE,
	POL_STAGE_PROVIDER_PROFILE,
	POL_STAGE_GLOBAL,
	POL_STAGE_PROVIDER,
	POL_STAGE_AGENT,
	POL_STAGE_AGENT_PROVIDER,
	POL_STAGE_SANDBOX,
	POL_STAGE_SUBAGENT,
	POL_STAGE_WORKSPACE, /* what writes, under workspaceAccess ro */
	POL_STAGE_COUNT,
};

#define POL_TOOL_BYTES 64 /* of a tool's name, with its NUL */

struct pol_list {
	const char *const *names; /* groups expanded, aliases folded, no duplicates */
	size_t count;
	bool set;
	enum pol_level level; /* agent, global, default */
	const char *key;      /* where it comes from: "agents.list[].tools.deny" */
	struct cfg_pos pos;   /* line 0: built in */
};

struct pol_tool_request {
	const char *provider; /* "openai" or "openai/gpt-5"; NULL */
	bool subagent;        /* also known from the session's key */
	const char *channel;  /* NULL: from the session's key */
	const char *sender;   /* NULL: unknown */
};

#define POL_MAX_FIXES 32

struct pol_refusal {
	enum pol_stage stage;
	bool by_deny, by_allow;
	const char *key; /* of the list that refused, deny before allow */
	struct cfg_pos pos;
};

struct pol_fix {
	const char *key;
	const char *how; /* "remove it", "add it", "off", ... */
	struct cfg_pos pos;
};

/* Borrows from the policy. */
struct pol_decision {
	bool allowed;
	char tool[POL_TOOL_BYTES]; /* normalised */
	struct pol_refusal refusals[POL_STAGE_COUNT]; /* each stage that refuses */
	size_t n_refusals;
	struct pol_fix fixes[POL_MAX_FIXES]; /* what would change it, together */
	size_t n_fixes;
};

/*
 * The policy of one session, worked out once: tools are decided by it in less
 * than a microsecond each.
 */
struct pol_policy;

/* @about: NULL: no provider, no subagent.  NULL: no memory. */
struct pol_policy *pol_policy_new(const struct pol_session *session,
				  const struct pol_tool_request *about);
void pol_policy_free(struct pol_policy *policy);
void pol_policy_decide(const struct pol_policy *policy, const char *tool,
		       struct pol_decision *decision);
/* The refusal as a text of several lines: tool, mode, session, reason, Fix.
 * To be freed; NULL: no memory. */
char *pol_decision_text(const struct pol_policy *policy,
			const struct pol_decision *decision);
/* Would the agent's main session, without a sandbox, have the tool? */
bool pol_decision_is_main_free(const struct pol_policy *policy,
			       const struct pol_decision *decision);
/* The tools that have a name of their own here, ended by NULL. */
const char *const *pol_tool_names(void);
const char *pol_stage_name(enum pol_stage stage);
/* "deny list", "allow list", "deny list + allow list", ... */
const char *pol_refusal_reason(const struct pol_refusal *refusal);
/* Refused whatever is configured? */
bool pol_decision_is_final(const struct pol_policy *policy,
			   const struct pol_decision *decision);
/* A stage's list; of a stage that has none, one that is not set. */
const struct pol_list *pol_policy_list(const struct pol_policy *policy,
				       enum pol_stage stage, bool deny);

/* The gates of elevated: exec on the host. */
#define POL_MAX_GATES 4
struct pol_elevated {
	bool enabled;
	const char *channel;  /* NULL: not known */
	bool allowed_by_config;
	bool always_allowed_by_config;
	bool allowed; /* for the sender that was asked about */
	const struct cfg_node *allow_global, *allow_agent; /* NULL: not set */
	bool agent_has_list; /* an allowFrom, of whatever channels */
	struct {
		const char *gate;
		const char *key;
	} failures[POL_MAX_GATES];
	size_t n_failures;
};
void pol_elevated_resolve(const struct pol_session *session,
			  const struct pol_tool_request *about,
			  struct pol_elevated *elevated);
/*
 * One level's list for the channel, without blanks around its entries.
 * False: there is none to speak of: no channel is known, or the agent has no
 * allowFrom.
 */
bool pol_elevated_senders(const struct pol_session *session,
			  const struct pol_elevated *elevated, bool agent,
			  const char *const **senders, size_t *count);

#endif
