/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * show_tree.h - print any part of the control tree, as lines or as JSON with typed values.
 */
#ifndef TOOLS_SHOW_TREE_H
#define TOOLS_SHOW_TREE_H

#include "ctl/client.h"

/* A file: its text. A directory: `PATH value` for all below it. An exit status, the sentence said. */
int show_tree_print(struct gs_ctl *ctl, const char *path);

/* One object: of a file its name and value, of a directory all that is below it. As above. */
int show_tree_json(struct gs_ctl *ctl, const char *path);

#endif
