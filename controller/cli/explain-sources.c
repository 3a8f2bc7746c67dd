// SPDX-License-Identifier: Apache-2.0
/*
 * What a sandbox needs of this machine: its image, and what is mounted.  Looks
 * and opens nothing.
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "controller/cli/explain.h"
#include "controller/image/store.h"
#include "proto/cleanup.h"

static void note_image(struct cli_explain *explain)
{
	const char *image = explain->session->image;
	enum img_kind kind = IMG_KIND_INVALID;
	auto_free char *path = NULL;
	struct err err = ERR_INIT;
	auto_fd rootfs_fd = -1;
	bool matters = explain->session->sandboxed;

	if (img_find(explain->cfg->state_dir, image, &kind, &rootfs_fd, &path,
		     &err)) {
		if (matters)
			cli_explain_note(explain, "%s.%s", err.text,
					 err.sys == ENOENT ? " " IMG_HINT "." :
							     "");
		return;
	}
	explain->host_image = kind == IMG_KIND_HOST;
	if (!explain->host_image || !matters)
		return;
	if (strcmp(image, "host") != 0 && image[0])
		cli_explain_note(explain,
				 "No image is called %s here, so the root file system is the host's /usr.",
				 image);
	if (!explain->session->read_only_root)
		cli_explain_note(explain,
				 "The host's /usr cannot be written: readOnlyRoot: false needs an image. " IMG_HINT ".");
}

static bool is_listed(const char *const *list, size_t count, const char *path)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i], path) == 0)
			return true;
	return false;
}

static bool is_socket(const char *path)
{
	size_t len = strlen(path);
	struct stat st;

	if (stat(path, &st) == 0)
		return S_ISSOCK(st.st_mode);
	return len > 5 && strcmp(path + len - 5, ".sock") == 0;
}

/* Not the user's own bind: it is said that there is one. */
static void note_key_bind(struct cli_explain *explain,
			  const struct cfg_bind *bind)
{
	struct stat st;

	if (stat(bind->source, &st) && errno == ENOENT)
		cli_explain_note(explain,
				 "%s: %s does not exist on the host, so that nothing is bound: the sandbox's image must have it.",
				 bind->key, bind->source);
	else
		cli_explain_note(explain, "%s: %s is seen in the sandbox, read-only.",
				 bind->key, bind->source);
}

static void note_bind(struct cli_explain *explain, const struct cfg_bind *bind)
{
	const struct pol_session *session = explain->session;
	struct stat st;

	if (bind->key) {
		note_key_bind(explain, bind);
		return;
	}
	if (is_socket(bind->source) &&
	    !is_listed(session->socket_binds, session->n_socket_binds,
		       bind->source))
		cli_explain_note(explain,
				 "docker.binds: %s is a socket, and whoever can talk to a service of the host has what it gives: refused until allowSocketBinds lists it.",
				 bind->source);
	else if (stat(bind->source, &st) && errno == ENOENT)
		cli_explain_note(explain,
				 "docker.binds: %s does not exist: the sandbox cannot be made.",
				 bind->source);
}

/**
 * cli_explain_note_sources() - notes on the image and on binds
 */
void cli_explain_note_sources(struct cli_explain *explain)
{
	note_image(explain);
	for (size_t i = 0; i < explain->session->n_binds; i++)
		note_bind(explain, &explain->session->binds[i]);
}
