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
	POL_STAGE_COUNT,
};

struct pol_list {
	const char *const *names; /* groups expanded, aliases folded, no duplicates */
	size_t count;
	bool set;
	enum pol_level level; /* of the sandbox policy: agent, global, default */
	const char *key;      /* where it comes from */
};

struct pol_tool_request {
	const char *tool;     /* as asked */
	const char *provider; /* "openai" or "openai/gpt-5"; NULL */
	bool subagent;
	bool elevated;
	const char *channel;  /* NULL: from the session's key */
	const char *sender;   /* NULL: unknown */
};

#define POL_MAX_FIXES 12

struct pol_decision {
	bool allowed;
	char tool[64];           /* normalised */
	enum pol_stage stage;    /* that refused */
	bool by_deny, by_allow;
	const char *key;         /* of the list that refused */
	const char *fixes[POL_MAX_FIXES]; /* keys that would change it */
	size_t n_fixes;
	struct cfg_tree *mem;    /* owned: pol_decision_fini() */
};

/*
 * The policy of one session, worked out once: tools are decided by it in less
 * than a microsecond each.
 */
struct pol_policy;

struct pol_policy *pol_policy_new(const struct pol_session *session,
				  const struct pol_tool_request *about);
void pol_policy_free(struct pol_policy *policy);
void pol_policy_decide(const struct pol_policy *policy, const char *tool,
		       struct pol_decision *decision);
void pol_decision_fini(struct pol_decision *decision);
/* The refusal as a text of several lines: tool, mode, session, reason, Fix. */
char *pol_decision_text(const struct pol_policy *policy,
			const struct pol_decision *decision);
const char *pol_stage_name(enum pol_stage stage);
const struct pol_list *pol_policy_list(const struct pol_policy *policy,
				       enum pol_stage stage, bool deny);

/* The gates of elevated: exec on the host. */
#define POL_MAX_GATES 4
struct pol_elevated {
	bool enabled;
	const char *channel;  /* NULL: not known */
	bool allowed_by_config;
	bool always_allowed_by_config;
	const struct cfg_node *allow_global, *allow_agent; /* NULL: not set */
	struct {
		const char *gate;
		const char *key;
	} failures[POL_MAX_GATES];
	size_t n_failures;
};
void pol_elevated_resolve(const struct pol_session *session,
			  const struct pol_tool_request *about,
			  struct pol_elevated *elevated);

#endif
