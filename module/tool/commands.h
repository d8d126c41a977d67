/* SPDX-License-Identifier: GPL-2.0-or-later */
/* commands.h - the commands of mta-sts, one a file; main.c has the table. */
#ifndef COMMANDS_H
#define COMMANDS_H

#include "tool.h"

int cmd_check_mx(struct tool *t, int argc, char *const argv[]);
int cmd_check_policy(struct tool *t, int argc, char *const argv[]);
int cmd_check_record(struct tool *t, int argc, char *const argv[]);
int cmd_claim(struct tool *t, int argc, char *const argv[]);
int cmd_config(struct tool *t, int argc, char *const argv[]);
int cmd_event(struct tool *t, int argc, char *const argv[]);
int cmd_tell(struct tool *t, int argc, char *const argv[]);
int cmd_except(struct tool *t, int argc, char *const argv[]);
int cmd_explain(struct tool *t, int argc, char *const argv[]);
int cmd_export(struct tool *t, int argc, char *const argv[]);
int cmd_history(struct tool *t, int argc, char *const argv[]);
int cmd_import(struct tool *t, int argc, char *const argv[]);
int cmd_list(struct tool *t, int argc, char *const argv[]);
int cmd_lookup(struct tool *t, int argc, char *const argv[]);
int cmd_match(struct tool *t, int argc, char *const argv[]);
int cmd_mode(struct tool *t, int argc, char *const argv[]);
int cmd_prefetch(struct tool *t, int argc, char *const argv[]);
int cmd_purge(struct tool *t, int argc, char *const argv[]);
int cmd_query(struct tool *t, int argc, char *const argv[]);
int cmd_refresh(struct tool *t, int argc, char *const argv[]);
int cmd_report(struct tool *t, int argc, char *const argv[]);
int cmd_setup(struct tool *t, int argc, char *const argv[]);
int cmd_show(struct tool *t, int argc, char *const argv[]);
int cmd_status(struct tool *t, int argc, char *const argv[]);
int cmd_version(struct tool *t, int argc, char *const argv[]);

#endif
