/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verbs that have a file of their own.
 */
#ifndef CONTROLLER_CLI_VERBS_H
#define CONTROLLER_CLI_VERBS_H

#include "controller/cli/options.h"

int cli_list_main(const struct cli_args *args);
int cli_kill_main(const struct cli_args *args);
int cli_rm_main(const struct cli_args *args);
int cli_pause_main(const struct cli_args *args);
int cli_resume_main(const struct cli_args *args);
int cli_stats_main(const struct cli_args *args);
int cli_recreate_main(const struct cli_args *args);
int cli_prune_main(const struct cli_args *args);
int cli_logs_main(const struct cli_args *args);
int cli_events_main(const struct cli_args *args);
int cli_media_main(const struct cli_args *args);
int cli_tool_main(const struct cli_args *args);
int cli_mcp_main(const struct cli_args *args);
int cli_explain_main(const struct cli_args *args);
int cli_doctor_main(const struct cli_args *args);
int cli_config_main(const struct cli_args *args);
int cli_version_main(const struct cli_args *args);
int cli_image_main(const struct cli_args *args);
int cli_help_main(const struct cli_args *args);

#endif
