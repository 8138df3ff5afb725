/* A command in an instance whose streams are websockets (OPS-30..39). */
#pragma once

#include "call.h"

/* What a client asked for. */
typedef struct {
    char **command;
    char **env; /* NAME=VALUE */
    char *cwd;  /* may be NULL */
    guint32 uid, gid;
    guint width, height;
    gboolean interactive, websockets, record;
} ExecWish;

void exec_wish_free(ExecWish *wish);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ExecWish, exec_wish_free)

/* Gives the operation its streams. The command is made ready meanwhile and runs when they are
 * connected; when they are not within some seconds, the operation fails (OPS-35). Takes the wish;
 * call operation_begin next. */
void exec_session_new(Call *call, Operation *operation, const Object *object, ExecWish *wish);

/* Commands often come one after the other: for a moment after each, what starts the next is kept
 * loaded. */
Alarm *commands_new(Daemon *daemon);
