// SPDX-License-Identifier: Apache-2.0
/*
 * creel image: import, list, inspect, rm.
 */
#include <config.h>

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "controller/cli/image.h"
#include "controller/cli/report.h"
#include "controller/cli/verbs.h"
#include "proto/cleanup.h"
#include "proto/exit-codes.h"

#define TIME_BYTES 32

static void time_text(uint64_t seconds, char text[TIME_BYTES])
{
	time_t when = (time_t)seconds;
	struct tm tm;

	if (!gmtime_r(&when, &tm) ||
	    !strftime(text, TIME_BYTES, "%Y-%m-%dT%H:%M:%SZ", &tm))
		(void)snprintf(text, TIME_BYTES, "?");
}

/* Return: false for what is no image, or no whole one. */
static bool load(const struct img_store *store, const char *folder,
		 struct img_manifest *manifest)
{
	auto_fd fd = openat(store->all_fd, folder,
			    O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct err ignored = ERR_INIT;

	return fd >= 0 && faccessat(fd, "rootfs", F_OK, 0) == 0 &&
	       img_manifest_read(fd, manifest, &ignored) == 0;
}

static void print_json(struct cli_json *json, const struct img_store *store,
		       const struct img_manifest *manifest)
{
	auto_free char *path = NULL;
	char folder[IMG_NAME_BYTES], when[TIME_BYTES];

	time_text(manifest->created, when);
	img_name_encode(manifest->name, folder);
	if (asprintf(&path, "%s/images/%s/rootfs", store->state_dir, folder) <
	    0)
		path = NULL;
	cli_json_open(json, NULL, '{');
	cli_json_text(json, "name", manifest->name);
	cli_json_text(json, "created", when);
	cli_json_text(json, "source", manifest->source);
	cli_json_number(json, "entries", manifest->entries);
	cli_json_number(json, "bytes", manifest->bytes);
	if (manifest->digest[0])
		cli_json_text(json, "digest", manifest->digest);
	else
		cli_json_null(json, "digest");
	cli_json_number(json, "devices", manifest->devices);
	cli_json_number(json, "stripped", manifest->stripped);
	cli_json_text(json, "creel", manifest->version);
	cli_json_text(json, "path", path);
	cli_json_close(json, '}');
}

static void print_field(const char *name, const char *value)
{
	printf("%-9s ", name);
	cli_put_text(stdout, value);
	putchar('\n');
}

static void print_number(const char *name, uint64_t value)
{
	printf("%-9s %" PRIu64 "\n", name, value);
}

static void print_all(const struct img_store *store,
		      const struct img_manifest *manifest)
{
	char folder[IMG_NAME_BYTES], when[TIME_BYTES];

	time_text(manifest->created, when);
	img_name_encode(manifest->name, folder);
	print_field("name", manifest->name);
	print_field("created", when);
	print_field("source", manifest->source);
	print_field("digest", manifest->digest[0] ? manifest->digest : "-");
	print_number("entries", manifest->entries);
	print_number("bytes", manifest->bytes);
	print_number("devices", manifest->devices);
	print_number("stripped", manifest->stripped);
	print_field("creel", manifest->version);
	printf("%-9s ", "path");
	cli_put_text(stdout, store->state_dir);
	printf("/images/%s/rootfs\n", folder);
}

static void print_row(const struct img_manifest *manifest)
{
	char when[TIME_BYTES];

	time_text(manifest->created, when);
	printf("%-40s  %-20s  %8" PRIu64 "  %5" PRIu64 " MiB\n",
	       manifest->name, when, manifest->entries, manifest->bytes >> 20);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The folders, sorted; NULL-terminated, both owned. */
static char **list_folders(const struct img_store *store)
{
	int fd = openat(store->all_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	char **folders = calloc(1, sizeof(*folders));
	char name[IMG_NAME_BYTES];
	struct dirent *entry;
	size_t n = 0;

	while (dir && folders && (entry = readdir(dir))) {
		char **more;

		if (img_name_decode(entry->d_name, name))
			continue;
		more = realloc(folders, (n + 2) * sizeof(*folders));
		if (!more)
			break;
		folders = more;
		folders[n] = strdup(entry->d_name);
		n += folders[n] != NULL;
		folders[n] = NULL;
	}
	if (dir)
		(void)closedir(dir);
	else
		fd_close(&fd);
	if (folders)
		qsort(folders, n, sizeof(*folders), by_name);
	return folders;
}

static void print_list(const struct img_store *store, bool want_json)
{
	struct cli_json json = { .out = stdout };
	auto_free char **folders = store->all_fd < 0 ? NULL :
						       list_folders(store);
	bool any = false;

	if (want_json)
		cli_json_open(&json, NULL, '[');
	for (size_t i = 0; folders && folders[i]; i++) {
		struct img_manifest manifest;

		if (img_name_decode(folders[i], manifest.name) == 0 &&
		    load(store, folders[i], &manifest)) {
			if (!want_json && !any)
				printf("%-40s  %-20s  %8s  %9s\n", "NAME",
				       "CREATED", "ENTRIES", "SIZE");
			any = true;
			if (want_json)
				print_json(&json, store, &manifest);
			else
				print_row(&manifest);
		}
		free(folders[i]);
	}
	if (want_json) {
		cli_json_close(&json, ']');
		cli_json_end(&json);
	}
}

static int open_store(struct img_store *store)
{
	struct err err = ERR_INIT;

	img_store_init(store);
	/* Where nothing was ever imported there is no store, and no image. */
	if (img_store_open(store, false, &err) == 0 || err.sys == ENOENT)
		return 0;
	cli_error("%s", err.text);
	return -1;
}

static int image_list(const struct cli_args *args)
{
	struct img_store store;

	if (args->n_words) {
		cli_error("%s: image list takes no argument", args->words[0]);
		return CREEL_EXIT_USAGE;
	}
	if (open_store(&store) == 0) {
		print_list(&store, args->has[CLI_OPT_JSON]);
		img_store_fini(&store);
		return cli_stdout_flush() ? CREEL_EXIT_REFUSED : CREEL_EXIT_OK;
	}
	img_store_fini(&store);
	return CREEL_EXIT_REFUSED;
}

static void missing(const struct img_store *store, const char *name)
{
	cli_error("image %s: not in %s/images", name, store->state_dir);
	cli_hint(IMG_HINT);
}

static int inspect(const struct img_store *store, const char *word,
		   bool want_json)
{
	struct cli_json json = { .out = stdout };
	struct img_manifest manifest;
	char folder[IMG_NAME_BYTES];
	struct err err = ERR_INIT;

	if (img_name_parse(word, manifest.name, &err)) {
		cli_error("%s: %s", word, err.text);
		return CREEL_EXIT_USAGE;
	}
	img_name_encode(manifest.name, folder);
	if (store->all_fd < 0 || !load(store, folder, &manifest)) {
		missing(store, manifest.name);
		return CREEL_EXIT_REFUSED;
	}
	if (want_json) {
		print_json(&json, store, &manifest);
		cli_json_end(&json);
	} else {
		print_all(store, &manifest);
	}
	return cli_stdout_flush() ? CREEL_EXIT_REFUSED : CREEL_EXIT_OK;
}

static int image_inspect(const struct cli_args *args)
{
	struct img_store store;
	int status = CREEL_EXIT_REFUSED;

	if (args->n_words != 1) {
		cli_error("image inspect takes one NAME");
		return CREEL_EXIT_USAGE;
	}
	if (open_store(&store) == 0)
		status = inspect(&store, args->words[0],
				 args->has[CLI_OPT_JSON]);
	img_store_fini(&store);
	return status;
}

static int remove_one(struct img_store *store, const char *word)
{
	char name[IMG_NAME_BYTES];
	struct err err = ERR_INIT;

	if (img_name_parse(word, name, &err)) {
		cli_error("%s: %s", word, err.text);
		return -1;
	}
	if (store->all_fd < 0) {
		missing(store, name);
		return -1;
	}
	if (img_store_remove(store, name, &err) == 0)
		return 0;
	cli_error("image %s: %s", name, err.text);
	if (err.code == ERR_BAD_STATE)
		cli_hint("`creel list --json' says which, `creel rm' removes it");
	return -1;
}

static int image_rm(const struct cli_args *args)
{
	struct img_store store;
	int status = CREEL_EXIT_OK;

	if (!args->n_words) {
		cli_error("NAME: missing");
		cli_hint("`creel image list' names the images");
		return CREEL_EXIT_USAGE;
	}
	if (open_store(&store))
		status = CREEL_EXIT_REFUSED;
	for (int i = 0; i < args->n_words && store.state_dir; i++)
		if (remove_one(&store, args->words[i]))
			status = CREEL_EXIT_REFUSED;
	img_store_fini(&store);
	return status;
}

static const struct {
	const char *name;
	int (*run)(const struct cli_args *args);
	bool json, replace;
} subverbs[] = {
	{ "import", cli_image_import, false, true },
	{ "list", image_list, true, false },
	{ "inspect", image_inspect, true, false },
	{ "rm", image_rm, false, false },
};

#define N_SUBVERBS (sizeof(subverbs) / sizeof(subverbs[0]))

static int run_subverb(size_t index, const struct cli_args *args)
{
	const char *name = subverbs[index].name;
	struct cli_args rest = *args;

	rest.words++;
	rest.n_words--;
	if (args->has[CLI_OPT_JSON] && !subverbs[index].json) {
		cli_error("--json: image %s has no table", name);
		return CREEL_EXIT_USAGE;
	}
	if (!subverbs[index].replace &&
	    (args->has[CLI_OPT_REPLACE] || args->has[CLI_OPT_SYSTEM] ||
	     args->has[CLI_OPT_ROOTLESS])) {
		cli_error("image %s: --replace, --system and --rootless are import's",
			  name);
		return CREEL_EXIT_USAGE;
	}
	return subverbs[index].run(&rest);
}

/**
 * cli_image_main() - creel image import|list|inspect|rm
 */
int cli_image_main(const struct cli_args *args)
{
	for (size_t i = 0; args->n_words && i < N_SUBVERBS; i++)
		if (!strcmp(subverbs[i].name, args->words[0]))
			return run_subverb(i, args);
	if (args->n_words)
		cli_error("image: %s: not import, list, inspect or rm",
			  args->words[0]);
	else
		cli_error("image: missing: import, list, inspect or rm");
	return CREEL_EXIT_USAGE;
}
