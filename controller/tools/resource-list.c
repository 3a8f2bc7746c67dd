// SPDX-License-Identifier: Apache-2.0
/*
 * resources.list: the files of the workspace, a page at a time.
 *
 * Folders are walked in the order of their names, so that a page begins behind
 * the path that the one before ended with: nothing is kept between two pages,
 * and files that come and go meanwhile disturb no others.  What .git holds is
 * left out; so is what is too deep, or one too many in its folder.
 */
#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controller/tools/file.h"
#include "controller/tools/tools.h"
#include "controller/tools/uri.h"
#include "proto/cleanup.h"

#define PAGE_FILES 100
#define PAGE_FOLDERS 256
#define MAX_DEPTH 16
#define MAX_ENTRIES 4096
#define MAX_ANSWERS 1024 /* of one folder, most of whose names may be others */

struct entry {
	char *name; /* owned */
	bool folder;
};

struct level {
	struct entry *entries; /* owned; sorted once all are here */
	size_t n, cap, at;
	size_t answers;        /* that brought no end of it */
	size_t path_len;       /* of the folder, in listing->path */
};

struct listing {
	char *base;            /* owned; where all begins, for the backend */
	char path[TOOL_PATH_MAX_BYTES + 1]; /* below it: of the folder */
	struct level levels[MAX_DEPTH];
	size_t depth;
	char *cursor;          /* owned; what is left of it, or NULL */
	const char *after;     /* the part of it for this folder; NULL: none */
	json_t *found;         /* owned */
	size_t folders;        /* that were entered */
};

static const struct tool_param params[] = {
	{ "cursor", TOOL_KIND_STRING, .max = 16384,
	  .help = "nextCursor of the page before." },
	{ .name = NULL },
};

static void empty_level(struct level *level)
{
	for (size_t i = 0; i < level->n; i++)
		free(level->entries[i].name);
	free(level->entries);
	*level = (struct level){ .entries = NULL };
}

static void free_listing(void *state)
{
	struct listing *listing = state;

	while (listing->depth > 0)
		empty_level(&listing->levels[--listing->depth]);
	free(listing->base);
	free(listing->cursor);
	json_decref(listing->found);
	free(listing);
}

static void no_memory(struct tool_call *call)
{
	tool_fail(call, "failed", "resources.list: out of memory");
}

/* @cursor: owned, NULL: there is no more */
static void finish(struct tool_call *call, char *cursor)
{
	struct listing *listing = call->state;
	json_t *list = json_pack("{s:O}", "resources", listing->found);

	if (list && cursor)
		(void)json_object_set_new(list, "nextCursor",
					  json_string(cursor));
	free(cursor);
	if (list)
		tool_done(call, list, NULL, 0);
	else
		no_memory(call);
}

/* The folder's path with a name behind it; owned. */
static char *path_of(const struct listing *listing, const char *name,
		     const char *end)
{
	char *path = NULL;

	if (asprintf(&path, "%s%s%s%s", listing->path,
		     listing->path[0] ? "/" : "", name, end) < 0)
		return NULL;
	return path;
}

static int add_file(struct listing *listing, const char *name)
{
	auto_free char *path = path_of(listing, name, "");
	auto_free char *uri = path ? uri_encode(URI_WORKSPACE, path) : NULL;
	auto_free char *shown = NULL;
	const char *type = uri_mime(name);
	size_t len = 0;
	json_t *item;

	if (!uri)
		return -1;
	shown = tool_utf8(path, strlen(path), &len);
	item = shown ? json_pack("{s:s, s:s%}", "uri", uri, "name", shown,
				 len) :
		       NULL;
	if (item && type)
		(void)json_object_set_new(item, "mimeType", json_string(type));
	return json_array_append_new(listing->found, item);
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->name,
		      ((const struct entry *)b)->name);
}

/* The part of the cursor that is about this folder; it is cut off. */
static char *take_part(struct listing *listing, bool *last)
{
	char *part = listing->cursor ? strdup(listing->after) : NULL;
	char *slash = part ? strchr(part, '/') : NULL;

	*last = !slash;
	if (!part)
		return NULL;
	if (slash) {
		*slash = '\0';
		listing->after += strlen(part) + 1;
	}
	return part;
}

static void forget_cursor(struct listing *listing)
{
	free(listing->cursor);
	listing->cursor = NULL;
	listing->after = NULL;
}

/* Behind what the page before ended with. */
static void skip_known(struct listing *listing, struct level *level)
{
	bool last = true;
	auto_free char *part = take_part(listing, &last);

	if (!part) {
		forget_cursor(listing);
		return;
	}
	while (level->at < level->n) {
		const int order = strcmp(level->entries[level->at].name, part);

		if (order > 0 || (order == 0 && !last))
			break;
		level->at++;
	}
	/* Only the folder that it names goes on with the rest of it. */
	if (last || level->at == level->n ||
	    strcmp(level->entries[level->at].name, part) != 0)
		forget_cursor(listing);
}

static void walk(struct tool_call *call);
static void got_folder(struct tool_call *call, const struct tool_dir *dir);

static void ask(struct tool_call *call, uint64_t cursor)
{
	struct listing *listing = call->state;
	auto_free char *path = NULL;

	if (asprintf(&path, "%s%s%s", listing->base,
		     listing->base[0] && listing->path[0] ? "/" : "",
		     listing->path) < 0) {
		path = NULL;
		no_memory(call);
		return;
	}
	call->backend->list(call, path, cursor, got_folder);
}

static int add_entry(struct level *level, const struct tool_entry *from)
{
	const bool folder = from->type == DT_DIR;

	if (level->n == MAX_ENTRIES || (!folder && from->type != DT_REG) ||
	    (folder && strcmp(from->name, ".git") == 0) ||
	    strcmp(from->name, ".") == 0 || strcmp(from->name, "..") == 0)
		return 0;
	if (level->n == level->cap) {
		const size_t cap = level->cap ? 2 * level->cap : 64;
		struct entry *more = reallocarray(level->entries, cap,
						  sizeof(*more));

		if (!more)
			return -1;
		level->entries = more;
		level->cap = cap;
	}
	level->entries[level->n].folder = folder;
	level->entries[level->n].name = strdup(from->name);
	return level->entries[level->n].name ? level->n++, 0 : -1;
}

static void got_folder(struct tool_call *call, const struct tool_dir *dir)
{
	struct listing *listing = call->state;
	struct level *level = &listing->levels[listing->depth - 1];

	/* A folder that went, or that is closed, has no files for us. */
	if (dir->sys && (listing->depth > 1 ? dir->sys == ECANCELED :
					      dir->sys != ENOENT)) {
		tool_fail_file(call, "the workspace", dir->sys);
		return;
	}
	for (size_t i = 0; i < dir->n && !dir->sys; i++)
		if (add_entry(level, &dir->entries[i]) < 0) {
			no_memory(call);
			return;
		}
	if (!dir->sys && dir->next && level->n < MAX_ENTRIES &&
	    level->answers++ < MAX_ANSWERS) {
		ask(call, dir->next);
		return;
	}
	if (level->n > 0)
		qsort(level->entries, level->n, sizeof(*level->entries),
		      compare);
	skip_known(listing, level);
	walk(call);
}

static bool fits(const struct listing *listing, const char *name)
{
	return listing->depth < MAX_DEPTH &&
	       strlen(listing->base) + strlen(listing->path) + strlen(name) +
			       2 <= TOOL_PATH_MAX_BYTES;
}

static void enter(struct tool_call *call, const char *name)
{
	struct listing *listing = call->state;
	size_t len = strlen(listing->path);

	listing->levels[listing->depth] =
		(struct level){ .path_len = len };
	listing->depth++;
	listing->folders++;
	if (len > 0)
		listing->path[len++] = '/';
	memcpy(listing->path + len, name, strlen(name) + 1);
	ask(call, 0);
}

static void leave(struct listing *listing)
{
	struct level *level = &listing->levels[--listing->depth];

	listing->path[level->path_len] = '\0';
	empty_level(level);
}

static bool is_over(const struct listing *listing)
{
	for (size_t i = 0; i < listing->depth; i++)
		if (listing->levels[i].at < listing->levels[i].n)
			return false;
	return true;
}

/* Where the next page begins: behind that name, or in that folder. */
static void end_page(struct tool_call *call, const struct entry *entry)
{
	struct listing *listing = call->state;
	auto_free char *path = NULL;
	char *cursor;

	if (!entry->folder && is_over(listing)) {
		finish(call, NULL);
		return;
	}
	path = path_of(listing, entry->name, entry->folder ? "/" : "");
	cursor = path ? uri_encode(URI_WORKSPACE, path) : NULL;
	if (cursor)
		finish(call, cursor);
	else
		no_memory(call);
}

static void walk(struct tool_call *call)
{
	struct listing *listing = call->state;

	while (listing->depth > 0) {
		struct level *level = &listing->levels[listing->depth - 1];
		const struct entry *entry;

		if (level->at == level->n) {
			leave(listing);
			continue;
		}
		entry = level->entries + level->at++;
		if (entry->folder && !fits(listing, entry->name))
			continue;
		if (entry->folder && listing->folders < PAGE_FOLDERS) {
			enter(call, entry->name);
			return;
		}
		if (!entry->folder && add_file(listing, entry->name) < 0) {
			no_memory(call);
			return;
		}
		if (entry->folder ||
		    json_array_size(listing->found) == PAGE_FILES) {
			end_page(call, entry);
			return;
		}
	}
	finish(call, NULL);
}

static void start(struct tool_call *call)
{
	const char *cursor = tool_arg_string(call, "cursor", NULL);
	const size_t prefix = strlen(URI_WORKSPACE);
	struct listing *listing = calloc(1, sizeof(*listing));
	struct err err = ERR_INIT;

	if (!listing) {
		no_memory(call);
		return;
	}
	call->state = listing;
	listing->found = json_array();
	if (cursor && *cursor) {
		if (strncmp(cursor, URI_WORKSPACE, prefix) == 0)
			listing->cursor = uri_decode(cursor + prefix);
		listing->after = listing->cursor;
		if (!listing->cursor) {
			tool_fail(call, "invalid_argument",
				  "resources.list: cursor: expected what a "
				  "page gave, got \"%.80s\"",
				  cursor);
			return;
		}
	}
	if (tool_resource_path(call, "", &listing->base, &err) < 0)
		tool_fail_path(call, &err);
	else
		enter(call, "");
}

const struct tool tool_resources_list = {
	.name = "resources.list",
	.policy = "read",
	.title = "List resources",
	.help = "The files of the workspace as resources.",
	.flags = TOOL_READ_ONLY | TOOL_IDEMPOTENT | TOOL_HIDDEN,
	.params = params,
	.start = start,
	.free_state = free_listing,
};
