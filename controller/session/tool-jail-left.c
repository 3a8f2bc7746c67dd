// SPDX-License-Identifier: Apache-2.0
/*
 * What an earlier creeld has left of jails: those that are there still, and
 * folders that they have had on the host.  The latter are in the store from
 * before they are made until they are gone.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "controller/core/log.h"
#include "controller/session/store.h"
#include "controller/session/tool-jail-own.h"

/**
 * jail_folder_note() - its folder on the host is about to be made
 *
 * Without a store it goes with its jail, as long as this creeld lives.
 */
void jail_folder_note(const struct ses_jail *jail)
{
	struct err err = ERR_INIT;

	if (jail->folder && jail->ses->store &&
	    store_folder_insert(jail->ses->store, jail->folder, &err) < 0)
		ctl_log(CTL_LOG_WARN, "jail: %s", err.text);
}

/**
 * jail_folder_gone() - its folder on the host is no more
 */
void jail_folder_gone(const struct ses_jail *jail)
{
	struct err err = ERR_INIT;

	if (jail->folder && jail->ses->store &&
	    store_folder_delete(jail->ses->store, jail->folder, &err) < 0)
		ctl_log(CTL_LOG_WARN, "jail: %s", err.text);
}

/* @sandbox: NULL: gone before this creeld came */
static void left_new(struct ses *ses, struct ctl_sandbox *sandbox,
		     const char *folder)
{
	struct ses_jail *jail = calloc(1, sizeof(*jail));

	if (!jail)
		return;
	jail->ses = ses;
	jail->sandbox = sandbox;
	jail->left = true;
	jail->folder = strdup(folder);
	LIST_INSERT_HEAD(&ses->jails, jail, link);
}

static void take_folder(const char *path, void *arg)
{
	struct ses *ses = arg;
	const struct ses_jail *jail;

	LIST_FOREACH(jail, &ses->jails, link)
		if (jail->folder && strcmp(jail->folder, path) == 0)
			return;
	left_new(ses, NULL, path);
}

static struct ses_jail *find_waiting(struct ses *ses)
{
	struct ses_jail *jail;

	LIST_FOREACH(jail, &ses->jails, link)
		if (jail->left && !jail->sandbox && !jail->job)
			return jail;
	return NULL;
}

/**
 * jails_left_finish() - remove what is left, once nobody can write to it
 *
 * Which jail a folder was used in besides its own is not known: all of them
 * have to be gone.
 */
void jails_left_finish(struct ses *ses)
{
	struct ses_jail *jail;

	LIST_FOREACH(jail, &ses->jails, link)
		if (jail->left && jail->sandbox)
			return;
	while ((jail = find_waiting(ses)))
		jail_finish(jail);
}

/**
 * ses_jails_ready() - those of an earlier creeld end
 *
 * No name that a caller can choose is one of a run's.
 */
void ses_jails_ready(struct ses *ses)
{
	struct ctl_sandbox *sandbox, *next;
	struct err err = ERR_INIT;

	for (sandbox = LIST_FIRST(&ses->ctl->sandboxes); sandbox;
	     sandbox = next) {
		next = LIST_NEXT(sandbox, link);
		if (sandbox->label.kind != CTL_KIND_RUN ||
		    strncmp(sandbox->label.name, JAIL_NAME,
			    sizeof(JAIL_NAME) - 1) != 0)
			continue;
		/* Its folder is in its label, where it had room. */
		left_new(ses, sandbox, sandbox->label.workspace);
		ctl_sandbox_kill(sandbox, CTL_DEATH_ASKED);
	}
	if (ses->store &&
	    store_folder_each(ses->store, take_folder, ses, &err) < 0)
		ctl_log(CTL_LOG_WARN, "jail: %s", err.text);
	jails_left_finish(ses);
}
