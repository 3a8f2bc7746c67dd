// SPDX-License-Identifier: Apache-2.0
/*
 * Names of files: what they say of a type, and where a copy goes.
 */
#include <config.h>

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "controller/tools/artifact.h"
#include "controller/tools/setting.h"

static const struct {
	const char *end;
	const char *mime;
} types[] = {
	{ ".png", "image/png" },
	{ ".jpg", "image/jpeg" },
	{ ".jpeg", "image/jpeg" },
	{ ".gif", "image/gif" },
	{ ".webp", "image/webp" },
	{ ".svg", "image/svg+xml" },
	{ ".pdf", "application/pdf" },
	{ ".csv", "text/csv" },
	{ ".tsv", "text/tab-separated-values" },
	{ ".txt", "text/plain" },
	{ ".md", "text/markdown" },
	{ ".html", "text/html" },
	{ ".json", "application/json" },
	{ ".xml", "application/xml" },
	{ ".zip", "application/zip" },
	{ ".gz", "application/gzip" },
	{ ".tar", "application/x-tar" },
	{ ".mp3", "audio/mpeg" },
	{ ".wav", "audio/x-wav" },
	{ ".mp4", "video/mp4" },
	{ ".parquet", "application/vnd.apache.parquet" },
	{ ".xlsx",
	  "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" },
};

/**
 * artifact_mime() - the type of a file with such a name
 */
const char *artifact_mime(const char *name)
{
	const char *end = strrchr(name, '.');

	for (size_t i = 0; end && i < sizeof(types) / sizeof(types[0]); i++)
		if (strcasecmp(end, types[i].end) == 0)
			return types[i].mime;
	return "application/octet-stream";
}

/**
 * artifact_base() - the last part of a path
 */
const char *artifact_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* With its dot; "" where there is none, or the name begins with the only one. */
static const char *extension(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && dot != name && dot[1] ? dot : "";
}

/**
 * artifact_is_allowed() - may a file of such a name be kept?
 */
bool artifact_is_allowed(const struct cfg *cfg, const char *path)
{
	const struct cfg_node *list = tool_setting_list(
		cfg, "tools.python_exec.artifacts_allowed_extensions");
	const char *end = extension(artifact_base(path));

	if (!list || !list->first)
		return true;
	for (const struct cfg_node *at = list->first; at; at = at->next)
		if (at->type == CFG_STRING && strcasecmp(at->text, end) == 0)
			return true;
	return false;
}

/**
 * artifact_target() - where a copy of a file goes: name.png, name-1.png, ...
 * @clash: how many of that name there are
 *
 * Return: owned, below the storage; NULL without memory.
 */
char *artifact_target(const char *subdir, const char *source,
		      unsigned int clash)
{
	const char *name = artifact_base(source);
	const char *end = extension(name);
	size_t stem = strlen(name) - strlen(end);
	char number[16] = "";
	char *path;

	if (clash)
		(void)snprintf(number, sizeof(number), "-%u", clash);
	if (asprintf(&path, "%s%s%.*s%s%s", subdir, subdir[0] ? "/" : "",
		     (int)stem, name, number, end) < 0)
		return NULL;
	return path;
}
