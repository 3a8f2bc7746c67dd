// SPDX-License-Identifier: Apache-2.0
/*
 * creel image import: from a directory or an archive to an image of the store.
 */
#include <config.h>

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "controller/cli/image.h"
#include "controller/cli/report.h"
#include "proto/cleanup.h"
#include "proto/exit-codes.h"

static int open_source(struct unpacking *unpacking, const char *source,
		       struct err *err)
{
	const int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY;
	struct stat st;

	unpacking->in_fd = !strcmp(source, "-") ?
				   fcntl(0, F_DUPFD_CLOEXEC, 3) :
				   open(source, flags);
	if (unpacking->in_fd < 0 || fstat(unpacking->in_fd, &st))
		return err_set(err, ERR_BAD_REQUEST, errno, "%.90s", source);
	if (S_ISDIR(st.st_mode)) {
		fd_close(&unpacking->in_fd);
		unpacking->source = source;
		if (!strcmp(source, "-"))
			return err_set(err, ERR_BAD_REQUEST, 0,
				       "standard input: is a directory");
	} else if (isatty(unpacking->in_fd)) {
		return err_set(err, ERR_BAD_REQUEST, 0,
			       "%.90s: is a terminal", source);
	}
	return 0;
}

static void fill_manifest(struct img_manifest *manifest, const char *source)
{
	auto_free char *full = strcmp(source, "-") ? realpath(source, NULL) :
						     NULL;

	(void)snprintf(manifest->source, sizeof(manifest->source), "%s",
		       full ? full : source);
	(void)snprintf(manifest->version, sizeof(manifest->version), "%s",
		       PACKAGE_VERSION);
	manifest->created = (uint64_t)time(NULL);
}

static void tell(const struct unpacking *unpacking)
{
	const struct img_manifest *manifest = unpacking->manifest;

	cli_note("image %s: %" PRIu64 " entries, %" PRIu64 " MiB",
		 manifest->name, manifest->entries, manifest->bytes >> 20);
	if (manifest->devices)
		cli_note("image %s: %" PRIu64
			 " devices, FIFOs and sockets were left out",
			 manifest->name, manifest->devices);
	if (manifest->stripped)
		cli_note("image %s: %" PRIu64
			 " files have lost set-id bits or extended attributes",
			 manifest->name, manifest->stripped);
	if (unpacking->policy)
		cli_note("image %s: has files that look like creel's own configuration; they have no effect",
			 manifest->name);
}

/* Whole on disk before it has its name. */
static int commit(struct img_store *store, struct img_stage *stage,
		  const struct img_manifest *manifest, bool replace,
		  struct err *err)
{
	if (img_manifest_write(stage->fd, manifest, err))
		return -1;
	if (syncfs(stage->fd))
		return err_set(err, ERR_KERNEL, errno, "write to disk");
	return img_stage_commit(store, stage, manifest->name, replace, err);
}

static void explain_taken(const struct err *err)
{
	if (err->code == ERR_BAD_STATE)
		cli_hint("--replace puts another in its place; sandboxes that have the old one keep it");
}

static int import(struct img_store *store, struct img_stage *stage,
		  struct unpacking *unpacking, bool replace)
{
	struct img_manifest *manifest = unpacking->manifest;
	struct err err = ERR_INIT;

	if (img_store_open(store, true, &err) == 0) {
		if (!replace && img_store_has(store, manifest->name))
			(void)err_set(&err, ERR_BAD_STATE, 0,
				      "there is an image of that name");
		else
			(void)img_stage_new(store, stage, &err);
	}
	if (err.code == ERR_NONE &&
	    asprintf(&unpacking->rootfs, "%s/staging/%s/rootfs",
		     store->state_dir, stage->name) < 0) {
		unpacking->rootfs = NULL;
		(void)err_set(&err, ERR_KERNEL, ENOMEM, "memory");
	}
	if (err.code == ERR_NONE && cli_unpack(unpacking))
		return -1;
	if (err.code == ERR_NONE &&
	    commit(store, stage, manifest, replace, &err) == 0) {
		tell(unpacking);
		return 0;
	}
	cli_error("image %s: %s", manifest->name, err.text);
	explain_taken(&err);
	return -1;
}

static int check_words(const struct cli_args *args,
		       struct img_manifest *manifest,
		       struct unpacking *unpacking)
{
	struct err err = ERR_INIT;

	if (args->n_words != 2) {
		cli_error(args->n_words > 2 ? "%s: too many arguments" :
					      "NAME and DIR, TAR or -: missing",
			  args->n_words > 2 ? args->words[2] : "");
		return CREEL_EXIT_USAGE;
	}
	if (img_name_parse(args->words[0], manifest->name, &err) ||
	    (!strncmp(manifest->name, "host:", 5) &&
	     err_set(&err, ERR_BAD_REQUEST, 0,
		     "name of an image: host is the host image's"))) {
		cli_error("%s: %s", args->words[0], err.text);
		return CREEL_EXIT_USAGE;
	}
	unpacking->name = manifest->name;
	if (open_source(unpacking, args->words[1], &err)) {
		cli_error("%s", err.text);
		return CREEL_EXIT_REFUSED;
	}
	fill_manifest(manifest, args->words[1]);
	return CREEL_EXIT_OK;
}

/**
 * cli_image_import() - creel image import NAME DIR|TAR|-
 */
int cli_image_import(const struct cli_args *args)
{
	struct img_manifest manifest = { .name = "" };
	struct unpacking unpacking = {
		.args = args,
		.in_fd = -1,
		.manifest = &manifest,
		.show = isatty(2),
	};
	struct img_store store;
	struct img_stage stage = { .fd = -1, .lock_fd = -1 };
	int status = check_words(args, &manifest, &unpacking);

	img_store_init(&store);
	if (status == CREEL_EXIT_OK &&
	    import(&store, &stage, &unpacking, args->has[CLI_OPT_REPLACE]))
		status = CREEL_EXIT_REFUSED;
	img_stage_drop(&store, &stage);
	img_store_fini(&store);
	fd_close(&unpacking.in_fd);
	ptr_free(&unpacking.rootfs);
	if (unpacking.signal) {
		sigset_t set;

		(void)signal(unpacking.signal, SIG_DFL);
		(void)raise(unpacking.signal);
		sigemptyset(&set);
		(void)sigprocmask(SIG_SETMASK, &set, NULL);
	}
	return status;
}
