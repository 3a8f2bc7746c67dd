/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files in directories that sandboxes write to.  Whatever lies there was put
 * there to deceive: no link is followed, nothing that is there is written to,
 * and only regular files are opened.
 */
#ifndef CONTROLLER_SESSION_BENEATH_H
#define CONTROLLER_SESSION_BENEATH_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#define SES_TEMP_BYTES 32

/* @path stays below @dir_fd and has no link in it; -1 with errno. */
int ses_open_in(int dir_fd, const char *path, int flags);
/* One component; made with mode 0700 where it is missing. O_PATH. */
int ses_dir_make(int dir_fd, const char *name);
/* For reading; -1 with errno, EINVAL: no regular file. Never waits. */
int ses_file_open(int dir_fd, const char *path, struct stat *st);
/* A descriptor that readdir(3) can use, of an O_PATH one. */
int ses_dir_read(int dir_fd);

/* A file that has its name only when it is whole. */
struct ses_temp {
	int dir_fd; /* borrowed */
	int fd;     /* owned */
	char name[SES_TEMP_BYTES]; /* "": it has none */
};

#define auto_temp __attribute__((cleanup(ses_temp_fini))) struct ses_temp

int ses_temp_open(struct ses_temp *temp, int dir_fd, mode_t mode);
/* -1 with EEXIST where something has that name already, whatever it is. */
int ses_temp_link(struct ses_temp *temp, const char *name);
void ses_temp_fini(struct ses_temp *temp);
/* Eight random letters after @prefix. */
int ses_temp_name(const char *prefix, char name[SES_TEMP_BYTES]);

/* -1 with EFBIG where there are more than *@left bytes, which is lowered. */
int ses_copy(int from_fd, int to_fd, uint64_t *left);

#endif
