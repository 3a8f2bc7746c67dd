/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the caller's configuration and creel's state are: the one place of
 * the command line that looks at the environment for it.
 */
#ifndef CONTROLLER_CLI_WHERE_H
#define CONTROLLER_CLI_WHERE_H

#include "controller/cli/options.h"
#include "controller/config/config.h"
#include "proto/control.pb-c.h"
#include "proto/err.h"

struct cli_where {
	char *home;      /* owned, absolute */
	char *config;    /* owned, absolute; NULL: there is no file */
	char *state_dir; /* owned, absolute; as creeld has it */
};

#define auto_where __attribute__((cleanup(cli_where_fini))) struct cli_where

int cli_where_home(const struct cli_args *args, struct cli_where *where);
int cli_where_look(const struct cli_args *args, struct cli_where *where,
		   struct cfg_problems *problems);
int cli_where_find(const struct cli_args *args, struct cli_where *where);
struct cfg *cli_where_load(const struct cli_where *where);
void cli_where_config(const struct cli_where *where, Ctl__Config *msg);
void cli_where_fini(struct cli_where *where);

void cli_problems_print(const struct cfg_problems *problems);

#endif
