// SPDX-License-Identifier: Apache-2.0
/*
 * The configurations that this creeld has read.  One stat(2) of each of its
 * files tells whether it still is what the files say.  One that becomes
 * invalid stays in force as it was.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/core/log.h"
#include "controller/session/manager.h"
#include "proto/cleanup.h"

#define AGAIN_SEC 1
#define FORGET_SEC 600 /* what nobody can use, nobody needs to hear of */

/**
 * ses_cfg_ref() - one more user
 */
struct ses_cfg *ses_cfg_ref(struct ses_cfg *cfg)
{
	cfg->refs++;
	return cfg;
}

/**
 * ses_cfg_unref() - one less; NULL is fine
 */
void ses_cfg_unref(struct ses_cfg *cfg)
{
	if (!cfg || --cfg->refs > 0)
		return;
	for (size_t i = 0; i < SES_RESOLVED; i++)
		pol_session_free(cfg->resolved[i]);
	cfg_free(cfg->cfg);
	free(cfg);
}

/**
 * ses_cfg_take() - what applies to a session, if it was resolved lately
 * @key: as it was given
 *
 * Return: owned, or NULL.
 */
struct pol_session *ses_cfg_take(struct ses_cfg *cfg, const char *key)
{
	struct pol_session *found;

	for (size_t i = 0; i < SES_RESOLVED && cfg->resolved[i]; i++) {
		found = cfg->resolved[i];
		if (strcmp(found->given, key) != 0)
			continue;
		memmove(&cfg->resolved[i], &cfg->resolved[i + 1],
			(SES_RESOLVED - 1 - i) * sizeof(found));
		cfg->resolved[SES_RESOLVED - 1] = NULL;
		return found;
	}
	return NULL;
}

/**
 * ses_cfg_put() - keep it for the next time
 * @session: of this configuration; taken over
 */
void ses_cfg_put(struct ses_cfg *cfg, struct pol_session *session)
{
	pol_session_free(cfg->resolved[SES_RESOLVED - 1]);
	memmove(&cfg->resolved[1], &cfg->resolved[0],
		(SES_RESOLVED - 1) * sizeof(session));
	cfg->resolved[0] = session;
}

static void config_free(struct ses *ses, struct ses_config *config)
{
	LIST_REMOVE(config, link);
	ses->n_configs--;
	ses_cfg_unref(config->now);
	free(config->path);
	free(config->home);
	free(config);
}

/* The one that nobody has asked for for the longest time makes room. */
static void make_room(struct ses *ses)
{
	struct ses_config *config, *oldest = NULL;

	LIST_FOREACH(config, &ses->configs, link)
		if (!oldest || config->used_at <= oldest->used_at)
			oldest = config;
	if (ses->n_configs >= SES_MAX_CONFIGS && oldest)
		config_free(ses, oldest);
}

static struct ses_config *config_new(struct ses *ses, const char *path,
				     const char *home)
{
	struct ses_config *config = calloc(1, sizeof(*config));

	make_room(ses);
	if (!config)
		return NULL;
	config->path = strdup(path);
	config->home = strdup(home);
	if (!config->path || !config->home) {
		free(config->path);
		free(config->home);
		free(config);
		return NULL;
	}
	LIST_INSERT_HEAD(&ses->configs, config, link);
	ses->n_configs++;
	return config;
}

static struct ses_config *find(struct ses *ses, const char *path,
			       const char *home)
{
	struct ses_config *config;

	LIST_FOREACH(config, &ses->configs, link)
		if (strcmp(config->path, path) == 0 &&
		    strcmp(config->home, home) == 0)
			return config;
	return config_new(ses, path, home);
}

static struct timespec mtime_of(const char *path)
{
	const struct timespec never = { .tv_sec = 0 };
	struct stat st;

	if (stat(path, &st) < 0)
		return never;
	return st.st_mtim;
}

/* The first error, and how many more there are. */
static void keep_problem(struct ses_config *config,
			 const struct cfg_problems *problems)
{
	char text[SES_PROBLEM_BYTES] = "cannot be read";

	config->more = problems->errors > 0 ? problems->errors - 1 : 0;
	for (size_t i = 0; i < problems->count; i++)
		if (!problems->list[i].warning) {
			cfg_problem_format(problems, i, text, sizeof(text));
			break;
		}
	(void)snprintf(config->problem, sizeof(config->problem), "%s", text);
}

static int64_t number_of(const struct cfg *cfg, const char *path,
			 int64_t otherwise)
{
	const struct cfg_node *node = cfg_get(cfg->root, path);

	return node && node->type == CFG_INTEGER && node->integer >= 0 ?
		       node->integer :
		       otherwise;
}

/* How much of the audit log is wanted. */
static void keep_audit(struct ses *ses, const struct ses_config *config)
{
	const struct cfg *cfg = config->now->cfg;

	ses_audit_keep(ses->audit, config->path,
		       (uint32_t)number_of(cfg, "audit.maxDays",
					   SES_AUDIT_DAYS),
		       (uint64_t)number_of(cfg, "audit.maxRecords",
					   SES_AUDIT_RECORDS));
	ses_events_tell(ses->events, "config", "", "", config->path);
}

static int load(struct ses *ses, struct ses_config *config)
{
	struct cfg_problems problems = CFG_PROBLEMS_INIT;
	struct timespec mtime = mtime_of(config->path);
	struct ses_cfg *made = calloc(1, sizeof(*made));
	char known[SES_PROBLEM_BYTES];

	if (made)
		made->cfg = cfg_load(config->path[0] ? config->path : NULL,
				     config->home,
				     ses->ctl->state_dir ? ses->ctl->state_dir :
							   "/nonexistent",
				     &problems);
	if (made && made->cfg) {
		made->refs = 1;
		made->serial = ++ses->serial;
		ses_cfg_unref(config->now);
		config->now = made;
		keep_audit(ses, config);
		config->problem[0] = '\0';
		cfg_problems_fini(&problems);
		return 0;
	}
	free(made);
	(void)snprintf(known, sizeof(known), "%s", config->problem);
	config->tried_mtime = mtime;
	config->tried_at = ctl_now();
	keep_problem(config, &problems);
	cfg_problems_fini(&problems);
	/* Once is enough. */
	if (strcmp(known, config->problem) == 0)
		return -1;
	ses_events_tell(ses->events, "config", "", "", config->problem);
	ctl_log(CTL_LOG_ERR, "configuration: %s%s", config->problem,
		config->now ? "; the one before is in force" : "");
	return -1;
}

/* One that was found wrong is not read again at each request. */
static bool try_again(const struct ses_config *config)
{
	struct timespec mtime;

	if (!config->problem[0] ||
	    ctl_now() - config->tried_at >= AGAIN_SEC)
		return true;
	mtime = mtime_of(config->path);
	return mtime.tv_sec != config->tried_mtime.tv_sec ||
	       mtime.tv_nsec != config->tried_mtime.tv_nsec;
}

/**
 * ses_config_get() - a configuration as it is in force
 * @path: absolute, "" none
 * @home: absolute
 * @fail: filled where there is none in force, naming the first problem
 *
 * Return: a reference that lasts as long as the caller wants it.
 */
struct ses_cfg *ses_config_get(struct ses *ses, const char *path,
			       const char *home, struct ctl_fail *fail)
{
	struct ses_config *config;

	if ((path[0] && path[0] != '/') || home[0] != '/') {
		err_set(&fail->err, ERR_BAD_REQUEST, 0,
			"configuration: its path and home are not absolute");
		return NULL;
	}
	config = find(ses, path, home);
	if (!config) {
		err_set(&fail->err, ERR_KERNEL, ENOMEM, "configuration");
		return NULL;
	}
	config->used_at = ctl_now();
	if (!config->now || cfg_changed(config->now->cfg)) {
		if (try_again(config))
			(void)load(ses, config);
	} else {
		/* As it was, maybe again. */
		config->problem[0] = '\0';
	}
	if (config->now)
		return ses_cfg_ref(config->now);
	err_set(&fail->err, ERR_BAD_REQUEST, 0, "%.155s", config->problem);
	if (config->more > 0)
		ctl_fail_hint(fail,
			      "creel config check names this and %zu more problems",
			      config->more);
	else
		ctl_fail_hint(fail, "creel config check says more");
	return NULL;
}

/**
 * ses_config_any() - by its path alone, with whatever home it is used
 */
struct ses_cfg *ses_config_any(struct ses *ses, const char *path,
			       struct ctl_fail *fail)
{
	const char *home = ses->home ? ses->home : "/";
	struct ses_config *config;

	LIST_FOREACH(config, &ses->configs, link)
		if (strcmp(config->path, path) == 0)
			home = config->home;
	return ses_config_get(ses, path, home, fail);
}

/**
 * ses_config_problems() - what is wrong with files that are in use
 *
 * Return: how many of ses->problem_list are filled.
 */
size_t ses_config_problems(struct ses *ses)
{
	struct ses_config *config;
	size_t n = 0;

	LIST_FOREACH(config, &ses->configs, link) {
		/* It may have been mended, and nobody has used it since. */
		if (config->problem[0] && try_again(config))
			(void)load(ses, config);
		if (!config->problem[0] || n == SES_MAX_CONFIGS ||
		    (!config->now && ctl_now() - config->used_at > FORGET_SEC))
			continue;
		(void)snprintf(ses->problems[n], sizeof(ses->problems[n]),
			       "%.330s%s", config->problem,
			       config->now ? "; the one before is in force" :
					     "");
		ses->problem_list[n] = ses->problems[n];
		n++;
	}
	return n;
}

/**
 * ses_configs_free() - forget all
 */
void ses_configs_free(struct ses *ses)
{
	struct ses_config *config;

	while ((config = LIST_FIRST(&ses->configs)))
		config_free(ses, config);
}
