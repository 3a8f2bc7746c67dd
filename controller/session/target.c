// SPDX-License-Identifier: Apache-2.0
/*
 * What a TARGET means: the name or id of a sandbox that lives, a session's
 * key, or a plain word, which names a session of the default agent where there
 * is a configuration file and a sandbox of its own where there is none.
 */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "controller/session/manager.h"

/**
 * ses_target_fini() - release; idempotent
 */
void ses_target_fini(struct ses_target *target)
{
	if (target->session && !target->lent)
		ses_cfg_put(target->cfg, target->session);
	ses_cfg_unref(target->cfg);
	target->session = NULL;
	target->cfg = NULL;
}

/* 1: found; 0: there is none; -1: more than one. */
static int find_live(struct ses *ses, const char *text, struct ses_target *out,
		     struct ctl_fail *fail)
{
	struct err err = ERR_INIT;
	struct ctl_sandbox *sandbox;

	if (ctl_name_check(text, &err) < 0)
		return 0;
	sandbox = ctl_sandbox_find(ses->ctl, text, fail);
	if (!sandbox)
		return fail->err.code == ERR_NONE ? 0 : -1;
	out->kind = SES_TARGET_PLAIN;
	out->plain = sandbox;
	if (!sandbox->label.managed)
		return 1;
	if (ses_store_need(ses, fail) < 0)
		return -1;
	out->kind = SES_TARGET_SANDBOX;
	out->record = sandbox->session;
	if (out->record)
		return 1;
	return err_set(&fail->err, ERR_BAD_STATE, 0,
		       "sandbox %.90s: it is being removed", text);
}

/* An id in full can be nothing else. */
static bool is_id(const char *text)
{
	return ctl_name_is_hex_prefix(text) &&
	       strlen(text) == CTL_HEX_BYTES - 1;
}

/**
 * ses_session_get() - the session that a key or a plain word names
 *
 * Return: owned, or NULL.
 */
struct pol_session *ses_session_get(struct ses_cfg *cfg, const char *text,
				    struct ctl_fail *fail)
{
	char key[POL_KEY_MAX_BYTES + CFG_AGENT_ID_MAX + 16];
	struct pol_session *session;

	if (!pol_is_session_key(cfg->cfg, text)) {
		(void)snprintf(key, sizeof(key), "agent:%s:%s",
			       cfg->cfg->default_agent, text);
		text = key;
	}
	session = ses_cfg_take(cfg, text);
	return session ? session :
			 pol_session_new(cfg->cfg, text, NULL, &fail->err);
}

/**
 * ses_target_session() - find out which session a word means
 * @config: NULL: none, so that it means none
 * @out:    zeroed; ses_target_fini() is due on failure too
 */
int ses_target_session(struct ses *ses, const char *target,
		       const Ctl__Config *config, struct ses_target *out,
		       struct ctl_fail *fail)
{
	out->kind = SES_TARGET_PLAIN;
	if (!config)
		return 0;
	if (!target[0] || strlen(target) > POL_KEY_MAX_BYTES)
		return err_set(&fail->err, ERR_BAD_REQUEST, 0,
			       "session key: not of 1 to %d bytes",
			       POL_KEY_MAX_BYTES);
	out->cfg = ses_config_get(ses, config->path, config->home, fail);
	if (!out->cfg)
		return -1;
	if (!config->path[0] && !pol_is_session_key(out->cfg->cfg, target))
		return 0;
	out->session = ses_session_get(out->cfg, target, fail);
	if (!out->session)
		return -1;
	if (ses_store_need(ses, fail) < 0)
		return -1;
	out->kind = SES_TARGET_SESSION;
	out->record = ses_record_find(ses, config->path,
				      out->session->scope_key);
	return 0;
}

/**
 * ses_target_resolve() - find out what a TARGET means
 * @config: NULL: it is a name, whatever it looks like
 * @out:    zeroed; ses_target_fini() is due on failure too
 *
 * A sandbox that lives comes first.
 */
int ses_target_resolve(struct ses *ses, const char *target,
		       const Ctl__Config *config, struct ses_target *out,
		       struct ctl_fail *fail)
{
	int found = find_live(ses, target, out, fail);

	if (found != 0)
		return found < 0 ? -1 : 0;
	if (is_id(target)) {
		out->kind = SES_TARGET_PLAIN;
		return 0;
	}
	return ses_target_session(ses, target, config, out, fail);
}
