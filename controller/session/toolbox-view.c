// SPDX-License-Identifier: Apache-2.0
/*
 * What applies to the calls of a toolbox: the session, resolved, and its tool
 * policy, worked out once for as long as the configuration stays what it is.
 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controller/session/toolbox.h"
#include "proto/cleanup.h"

/**
 * ses_view_ref() - one more user
 */
struct ses_view *ses_view_ref(struct ses_view *view)
{
	view->refs++;
	return view;
}

/**
 * ses_view_unref() - one less; NULL is fine
 */
void ses_view_unref(struct ses_view *view)
{
	if (!view || --view->refs > 0)
		return;
	pol_policy_free(view->policy);
	if (view->session)
		ses_cfg_put(view->cfg, view->session);
	ses_cfg_unref(view->cfg);
	free(view->config);
	free(view->provider);
	free(view->channel);
	free(view->sender);
	free(view);
}

/* "" counts as not given. */
static int copy_text(char **to, const char *from)
{
	*to = from && from[0] ? strdup(from) : NULL;
	return from && from[0] && !*to ? -1 : 0;
}

static int copy_about(struct ses_view *view, const char *config,
		      const struct pol_tool_request *about)
{
	view->config = strdup(config);
	if (!view->config || copy_text(&view->provider, about->provider) < 0 ||
	    copy_text(&view->channel, about->channel) < 0 ||
	    copy_text(&view->sender, about->sender) < 0)
		return -1;
	view->about = (struct pol_tool_request){
		.provider = view->provider,
		.subagent = about->subagent,
		.channel = view->channel,
		.sender = view->sender,
	};
	return 0;
}

/**
 * ses_view_new() - a session as a configuration has it
 * @cfg:    a reference of its own is taken
 * @config: path of that, "" none
 * @target: the session as it was named; "" is the default agent's main one
 * @about:  who asks; copied
 *
 * Return: a reference, or NULL.
 */
struct ses_view *ses_view_new(struct ses_cfg *cfg, const char *config,
			      const char *target,
			      const struct pol_tool_request *about,
			      struct ctl_fail *fail)
{
	struct ses_view *view = calloc(1, sizeof(*view));

	if (!view) {
		err_set(&fail->err, ERR_KERNEL, ENOMEM, "toolbox");
		return NULL;
	}
	view->refs = 1;
	view->cfg = ses_cfg_ref(cfg);
	view->session = target[0] ? ses_session_get(cfg, target, fail) :
				    pol_session_new(cfg->cfg, NULL, NULL,
						    &fail->err);
	if (view->session && copy_about(view, config, about) == 0)
		view->policy = pol_policy_new(view->session, &view->about);
	if (view->policy)
		return view;
	if (fail->err.code == ERR_NONE)
		err_set(&fail->err, ERR_KERNEL, ENOMEM, "toolbox");
	ses_view_unref(view);
	return NULL;
}

/**
 * ses_view_allows() - may a tool be used?
 * @decision: filled
 */
bool ses_view_allows(const struct ses_view *view, const struct tool *tool,
		     struct pol_decision *decision)
{
	pol_policy_decide(view->policy,
			  tool->policy ? tool->policy : tool->name, decision);
	return decision->allowed;
}

static int add_tools(const struct ses_view *view, json_t *list)
{
	struct pol_decision decision;
	int ret = 0;

	for (const struct tool *const *at = tool_all(); *at; at++) {
		if ((*at)->flags & TOOL_HIDDEN ||
		    !tool_is_offered(view->cfg->cfg, *at) ||
		    !ses_view_allows(view, *at, &decision))
			continue;
		ret |= json_array_append_new(list, tool_describe(*at));
	}
	return ret;
}

/**
 * ses_view_tools() - the tools that are offered and allowed, as JSON
 * @len: out
 *
 * Return: owned, or NULL without memory.
 */
char *ses_view_tools(const struct ses_view *view, size_t *len)
{
	json_t *list = json_array();
	char *text = NULL;

	if (list && add_tools(view, list) == 0)
		text = json_dumps(list, JSON_COMPACT);
	json_decref(list);
	*len = text ? strlen(text) : 0;
	return text;
}
