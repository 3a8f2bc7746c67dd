// SPDX-License-Identifier: Apache-2.0
/*
 * Where the background commands of a session are found: RUNTIME/host/SCOPE/ID,
 * each a socket that its keeper listens on.  The folders belong to the user and
 * are closed to others, and are opened by descriptor once that is known.
 */
#include <config.h>

#include "controller/cli/keeper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>

#include "controller/cli/paths.h"
#include "proto/cleanup.h"

#define FOLDER "host"
#define PREFIX "host-"
#define ID_DIGITS 8
#define NEW_PREFIX ".new-"
#define NEW_SECONDS 60 /* then whoever was making it is gone */
#define TRIES 16
#define PATIENCE_SECONDS 3

static bool is_others(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_uid != geteuid();
}

/* A runtime directory that was named may be the system's: not for his things. */
static int choose_dir(char *path, struct err *err)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR");

	if (cli_path_runtime(geteuid() == 0, path, err) < 0)
		return -1;
	if (geteuid() == 0 || !is_others(path))
		return 0;
	if (xdg && *xdg == '/')
		(void)snprintf(path, CLI_PATH_MAX, "%.4000s/creel", xdg);
	else
		(void)snprintf(path, CLI_PATH_MAX, "/tmp/creel-%u",
			       (unsigned int)geteuid());
	return 0;
}

/**
 * keeper_place_init() - the folder of a session
 * @config:  path of the configuration; NULL: none
 * @session: canonical key
 */
int keeper_place_init(struct keeper_place *place, const char *config,
		      const char *session, struct err *err)
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx ctx;

	place->dir = malloc(CLI_PATH_MAX);
	if (!place->dir)
		return err_set(err, ERR_KERNEL, ENOMEM, "runtime directory");
	if (choose_dir(place->dir, err) < 0)
		return -1;
	sha256_init(&ctx);
	if (config)
		sha256_update(&ctx, strlen(config), (const uint8_t *)config);
	sha256_update(&ctx, 1, (const uint8_t *)"");
	sha256_update(&ctx, strlen(session), (const uint8_t *)session);
	sha256_digest(&ctx, sizeof(digest), digest);
	for (size_t i = 0; i < KEEPER_SCOPE_BYTES / 2; i++)
		(void)snprintf(place->scope + 2 * i, 3, "%02x", digest[i]);
	return 0;
}

/**
 * keeper_place_fini() - release; idempotent
 */
void keeper_place_fini(struct keeper_place *place)
{
	ptr_free(&place->dir);
}

/* A folder that nobody else can look into. */
static int open_private(int at_fd, const char *name, bool create,
			struct err *err)
{
	auto_fd fd = -1;
	struct stat st;

	if (create && mkdirat(at_fd, name, 0700) < 0 && errno != EEXIST)
		return err_set(err, ERR_KERNEL, errno, "background commands");
	fd = openat(at_fd, name,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(err, ERR_KERNEL, errno, "background commands");
	if (st.st_uid != geteuid() || (st.st_mode & 077))
		return err_set(err, ERR_DENIED, 0,
			       "background commands: their folder is open to others");
	return fd_take(&fd);
}

/**
 * keeper_place_open() - open the session's folder
 * @create: make it where it is missing
 *
 * Return: a descriptor, or -1; err->sys is ENOENT where it is missing.
 */
int keeper_place_open(const struct keeper_place *place, bool create,
		      struct err *err)
{
	auto_fd base_fd = cli_runtime_open(place->dir, geteuid() == 0, create,
					   err);
	auto_fd host_fd = -1;

	if (base_fd >= 0)
		host_fd = open_private(base_fd, FOLDER, create, err);
	return host_fd < 0 ? -1 :
			     open_private(host_fd, place->scope, create, err);
}

/**
 * keeper_place_leave() - remove the folders where nothing is in them
 */
void keeper_place_leave(const struct keeper_place *place)
{
	struct err err = ERR_INIT;
	auto_fd base_fd = cli_runtime_open(place->dir, geteuid() == 0, false,
					   &err);
	char path[sizeof(FOLDER) + KEEPER_SCOPE_BYTES];

	if (base_fd < 0)
		return;
	(void)snprintf(path, sizeof(path), FOLDER "/%s", place->scope);
	if (unlinkat(base_fd, path, AT_REMOVEDIR) == 0)
		(void)unlinkat(base_fd, FOLDER, AT_REMOVEDIR);
}

static bool is_id(const char *name)
{
	const char *digits = name + sizeof(PREFIX) - 1;

	return strncmp(name, PREFIX, sizeof(PREFIX) - 1) == 0 &&
	       strspn(digits, "0123456789abcdef") == ID_DIGITS &&
	       strlen(digits) == ID_DIGITS;
}

/* What was begun and never became an id. */
static void sweep(int dir_fd, const char *name)
{
	struct stat st;

	if (strncmp(name, NEW_PREFIX, sizeof(NEW_PREFIX) - 1) == 0 &&
	    fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_mtime + NEW_SECONDS < time(NULL))
		(void)unlinkat(dir_fd, name, 0);
}

/**
 * keeper_place_list() - what there is, or was
 *
 * Return: owned, as is each of them; NULL without memory.
 */
char **keeper_place_list(int dir_fd, size_t *count, struct err *err)
{
	char **ids = calloc(2 * KEEPER_MAX + 1, sizeof(*ids));
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	*count = 0;
	if (!ids || !dir) {
		err_set(err, ERR_KERNEL, errno, "background commands");
		if (dir)
			(void)closedir(dir);
		else
			fd_close(&fd);
		free(ids);
		return NULL;
	}
	while (*count < (size_t)2 * KEEPER_MAX && (entry = readdir(dir))) {
		if (!is_id(entry->d_name)) {
			sweep(dir_fd, entry->d_name);
			continue;
		}
		ids[*count] = strdup(entry->d_name);
		*count += ids[*count] != NULL;
	}
	(void)closedir(dir);
	return ids;
}

/* @name: in it; NULL: the file itself */
static void set_address(struct sockaddr_un *addr, int fd, const char *name)
{
	*addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
	(void)snprintf(addr->sun_path, sizeof(addr->sun_path),
		       "/proc/self/fd/%d%s%s", fd, name ? "/" : "",
		       name ? name : "");
}

static int gone(const char *id, struct err *err)
{
	return err_set(err, ERR_BAD_STATE, ESRCH, "process %.40s", id);
}

/* The socket itself, and no other that a link would lead to. */
static int open_own(int dir_fd, const char *id)
{
	auto_fd fd = openat(dir_fd, id, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	errno = EACCES;
	return S_ISSOCK(st.st_mode) && st.st_uid == geteuid() ? fd_take(&fd) :
								-1;
}

/**
 * keeper_place_connect() - reach the keeper of a background command
 *
 * What a keeper that was killed has left is removed.
 *
 * Return: a connected socket, or -1: BAD_STATE where there is none.
 */
int keeper_place_connect(int dir_fd, const char *id, struct err *err)
{
	const struct timeval patience = { .tv_sec = PATIENCE_SECONDS };
	auto_fd fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	auto_fd own_fd = is_id(id) ? open_own(dir_fd, id) : -1;
	struct ucred peer = { .uid = (uid_t)-1 };
	socklen_t len = sizeof(peer);
	struct sockaddr_un addr;

	if (fd < 0)
		return err_set(err, ERR_KERNEL, errno, "socket");
	if (own_fd < 0)
		return gone(id, err);
	set_address(&addr, own_fd, NULL);
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
			 sizeof(patience));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
			 sizeof(patience));
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		if (errno == ECONNREFUSED)
			(void)unlinkat(dir_fd, id, 0);
		if (errno == ECONNREFUSED || errno == ENOENT)
			return gone(id, err);
		return err_set(err, ERR_KERNEL, errno, "%.40s", id);
	}
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 ||
	    peer.uid != geteuid())
		return err_set(err, ERR_DENIED, 0, "%.40s: of another user",
			       id);
	return fd_take(&fd);
}

/* Binds under a name that nobody looks at, so that what can be found listens. */
static int try_listen(int dir_fd, char id[KEEPER_ID_BYTES])
{
	auto_fd fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			    0);
	char name[sizeof(NEW_PREFIX) + 16];
	struct sockaddr_un addr;
	uint32_t random[2];
	int saved;

	if (fd < 0 || getrandom(random, sizeof(random), 0) != sizeof(random))
		return -1;
	(void)snprintf(name, sizeof(name), NEW_PREFIX "%08x", random[0]);
	(void)snprintf(id, KEEPER_ID_BYTES, PREFIX "%08x", random[1]);
	set_address(&addr, dir_fd, name);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -1;
	if (listen(fd, 64) == 0 &&
	    renameat2(dir_fd, name, dir_fd, id, RENAME_NOREPLACE) == 0)
		return fd_take(&fd);
	saved = errno;
	(void)unlinkat(dir_fd, name, 0);
	errno = saved;
	return -1;
}

/**
 * keeper_place_listen() - become findable
 * @id: filled
 *
 * Whoever leaves last removes the folder, perhaps just now: then again.
 *
 * Return: a listening socket, non-blocking, or -1.
 */
int keeper_place_listen(const struct keeper_place *place,
			char id[KEEPER_ID_BYTES], struct err *err)
{
	for (int i = 0; i < TRIES; i++) {
		auto_fd dir_fd = keeper_place_open(place, true, err);
		int fd = dir_fd < 0 ? -1 : try_listen(dir_fd, id);

		if (fd >= 0) {
			*err = (struct err)ERR_INIT;
			return fd;
		}
		if (dir_fd < 0 && err->sys != ENOENT)
			return -1;
		if (dir_fd >= 0 && errno != ENOENT && errno != EEXIST &&
		    errno != EADDRINUSE)
			break;
	}
	return err_set(err, ERR_KERNEL, errno, "background commands");
}
