// SPDX-License-Identifier: Apache-2.0
/*
 * --image: the host image, a name of the store, or a directory.
 */
#include <config.h>

#include "controller/cli/image.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/cleanup.h"

static bool is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int add_directory(struct cli_call *call, const char *path,
			 struct err *err)
{
	auto_fd fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || faccessat(fd, "", R_OK | X_OK, AT_EMPTY_PATH | AT_EACCESS))
		return err_set(err, ERR_BAD_REQUEST, errno, "%.90s", path);
	call->spec.image = (char *)path;
	return cli_call_add_fd(call, fd_take(&fd), &call->spec.image_fd, err);
}

static int add_stored(struct cli_call *call, const char *name, struct err *err)
{
	auto_free char *state_dir = img_state_dir();
	auto_free char *path = NULL;
	auto_fd fd = -1;
	enum img_kind kind;

	if (img_find(state_dir, name, &kind, &fd, &path, err))
		return -1;
	/* A default name that stands for the host image. */
	if (kind == IMG_KIND_HOST)
		return 0;
	if (img_name_parse(name, call->image, err))
		return -1;
	call->spec.image = call->image;
	return cli_call_add_fd(call, fd_take(&fd), &call->spec.image_fd, err);
}

/**
 * cli_image_add() - the root of the sandbox
 * @value: "host"; a directory where it begins with /, ./ or ../, or is . or ..;
 *         else a name, or a directory with a slash in its name
 *
 * A name goes first: a directory that somebody made in the current one must
 * not stand for an image.
 */
int cli_image_add(struct cli_call *call, const char *value, struct err *err)
{
	if (!strcmp(value, "host"))
		return 0;
	if (img_name_is_path(value))
		return add_directory(call, value, err);
	if (add_stored(call, value, err) == 0)
		return 0;
	if (err->code != ERR_BAD_REQUEST)
		return -1;
	if (strchr(value, '/') && is_directory(value)) {
		*err = (struct err)ERR_INIT;
		return add_directory(call, value, err);
	}
	call->hint = is_directory(value) ?
			     "a directory is named with a slash: ./NAME" :
			     IMG_HINT;
	return -1;
}
