/* SPDX-License-Identifier: BSD-2-Clause */
/* What libgsession(3) says of namespaces; the configuration has one of the name app, which takes two sessions. */
#include <sys/wait.h>
#include <stdlib.h>
#include <unistd.h>

#include "promises_words.h"

static bool
has_value_in(struct gs *in, const char *key, const char *want)
{
	char buf[64];
	ssize_t n = gs_peek(in, key, strlen(key), buf, sizeof(buf), NULL);

	return n == (ssize_t)strlen(want) && memcmp(buf, want, (size_t)n) == 0;
}

static int
put_in(struct gs *in, const char *key, const char *val)
{
	return gs_put(in, key, strlen(key), val, strlen(val), NULL);
}

static int
count_one(void *arg, const struct gs_item *item)
{
	int *n = arg;

	*n += strcmp(item->info.ns, "app") == 0 ? 1 : 100;
	return 0;
}

static void
keys_are_those_of_the_handle(struct gs *app)
{
	struct gs_info info;
	struct gs_item item;
	int n = 0;

	ok_rc(put_in(gs, "both", "of none"), 1, "namespace: a key of the default one");
	ok_rc(put_in(app, "both", "of app"), 1, "namespace: the same key of another is another session");
	ok(has_value_in(gs, "both", "of none") && has_value_in(app, "both", "of app"), "namespace: each has its own value");
	ok(gs_stat(app, "both", 4, &info) == 0 && strcmp(info.ns, "app") == 0, "namespace: info.ns is its name");
	ok(stat_of("both").ns[0] == '\0', "namespace: of the default one it is empty");
	ok(gs_find(gs, info.id, &item) == 0 && strcmp(item.info.ns, "app") == 0 && item.info.ns_id == info.ns_id && info.ns_id != 0,
	    "find: finds sessions of all namespaces, and says of which they are");
	ok(gs_each(app, NULL, count_one, &n) == 0 && n == 1, "each: lists only those of the handle");
	ok_rc(put_in(app, "second", "v"), 1, "namespace: it has room for two");
	ok_rc(put_in(app, "third", "v"), GS_ENOSPC, "put: one beyond max_sessions is GS_ENOSPC");
	ok_rc(put_in(gs, "app", "v"), GS_EISDIR, "put: the name of a namespace is GS_EISDIR");
	ok_rc(put_in(app, "second", "w"), 0, "put: what is there is replaced");
	ok_rc(gs_del(app, "second", 6, 0), 0, "del: of one");
}

static void
sessions_are_renamed_from_one_to_another(struct gs *app)
{
	struct gs_options opt = { .size = sizeof(opt), .instance = promises_instance };
	struct gs *other;

	ok_rc(put_in(gs, "goes", "there"), 1, "rename_into: one of the default namespace");
	ok_rc(gs_rename_into(gs, "goes", 4, app, "goes", 4, NULL, 0), 0, "rename_into: to another");
	ok(has_value_in(app, "goes", "there") && !has_value_in(gs, "goes", "there"), "rename_into: it is there, and no more here");
	ok(gs_attach(&other, &opt) == 0, "attach: another attachment");
	ok_rc(gs_rename_into(app, "goes", 4, other, "goes", 4, NULL, 0), GS_EINVAL, "rename_into: to another attachment is GS_EINVAL");
	gs_detach(&other);
	ok_rc(gs_del(app, "goes", 4, 0), 0, "del: of that");
}

static void
handles_go_in_any_order(void)
{
	struct gs_options opt = { .size = sizeof(opt), .instance = promises_instance, .ns = "app" };
	struct gs *first, *second;
	int status = -1;
	pid_t pid;

	ok(gs_attach(&first, &opt) == 0 && has_value_in(first, "both", "of app"), "attach: to a namespace");
	ok(gs_namespace(&second, first, NULL) == 0 && has_value_in(second, "both", "of none"), "namespace: NULL is the default one");
	gs_detach(&first);
	ok(first == NULL && has_value_in(second, "both", "of none"), "detach: the attachment stays for the other handle");
	pid = fork();
	if (pid == 0)
		_exit(has_value_in(second, "both", "of none") ? 0 : 1);
	ok(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0, "namespace: a child goes on with it");
	gs_detach(&second);
	ok(second == NULL, "detach: and goes with that");
	opt.ns = "nobody";
	ok_rc(gs_attach(&first, &opt), GS_ENOENT, "attach: a namespace that is not there is GS_ENOENT");
	opt.size = offsetof(struct gs_options, ns);
	ok(gs_attach(&first, &opt) == 0 && has_value_in(first, "both", "of none"), "attach: a program of before is of the default one");
	gs_detach(&first);
}

void
promises_namespaces(void)
{
	struct gs_namespace_info all[2];
	struct gs *app = NULL, *none;

	ok_rc(gs_namespace(&none, gs, "nobody"), GS_ENOENT, "namespace: one that is not there is GS_ENOENT");
	ok_rc(gs_namespace(&app, gs, "app"), 0, "namespace: 0");
	if (app == NULL)
		return;
	keys_are_those_of_the_handle(app);
	ok_rc(gs_namespaces(gs, all, 2), 1, "namespaces: how many there are");
	ok(strcmp(all[0].name, "app") == 0 && all[0].count == 1 && all[0].max_sessions == 2 && all[0].idle_ms == 3600000 && all[0].uid == 5 &&
	    all[0].gid == 6 && all[0].mode == 0750, "namespaces: what each is like");
	ok(gs_find_namespace(gs, "app", 0, &all[1]) == 0 && all[1].id == all[0].id, "find_namespace: by its name");
	ok(gs_find_namespace(gs, NULL, all[0].id, &all[1]) == 0 && strcmp(all[1].name, "app") == 0, "find_namespace: by its id");
	ok_rc(gs_find_namespace(gs, "nobody", 0, &all[1]), GS_ENOENT, "find_namespace: one that is not there is GS_ENOENT");
	ok_rc(gs_find_namespace(gs, NULL, 0, &all[1]), GS_ENOENT, "find_namespace: the default one is none");
	sessions_are_renamed_from_one_to_another(app);
	handles_go_in_any_order();
	ok_rc(gs_del(app, "both", 4, 0), 0, "del: of one namespace");
	ok(has_value_in(gs, "both", "of none"), "del: leaves that of another");
	ok_rc(gs_del(gs, "both", 4, 0), 0, "del: of the other");
	gs_detach(&app);
}
