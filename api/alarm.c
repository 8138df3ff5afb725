#include "alarm.h"

#include "context.h"
#include "moment.h"

/* Clocks may be set meanwhile. */
#define LONGEST 3600

struct Alarm {
    Daemon *daemon;
    AlarmLook look;
    void *data;
    GSource *timer; /* all but what a look has is the context's */
    gboolean looking, on_time;
    gboolean again, again_on_time; /* somebody wanted a look during this one */
    gint64 next;
};

static void work(void *data)
{
    Alarm *alarm = data;

    alarm->next = alarm->look(alarm->data, alarm->on_time);
}

static void begin(Alarm *alarm, gboolean on_time);

static gboolean on_moment(gpointer data)
{
    Alarm *alarm = data;

    g_clear_pointer(&alarm->timer, g_source_unref);
    begin(alarm, TRUE);
    return G_SOURCE_REMOVE;
}

static void done(void *data)
{
    Alarm *alarm = data;

    alarm->looking = FALSE;
    context_drop(&alarm->timer);
    if (alarm->again) {
        alarm->again = FALSE;
        begin(alarm, alarm->again_on_time);
    } else if (alarm->next != 0) {
        alarm->timer =
            g_timeout_source_new_seconds((guint)CLAMP(alarm->next - moment_now(), 0, LONGEST));
        g_source_set_callback(alarm->timer, on_moment, alarm, NULL);
        g_source_attach(alarm->timer, alarm->daemon->context);
    }
}

static void begin(Alarm *alarm, gboolean on_time)
{
    if (alarm->looking) {
        alarm->again_on_time = on_time || (alarm->again && alarm->again_on_time);
        alarm->again = TRUE;
        return;
    }
    alarm->looking = TRUE;
    alarm->on_time = on_time;
    context_background(alarm->daemon, work, done, alarm);
}

static void follow(void *data)
{
    begin(data, FALSE);
}

Alarm *alarm_new(Daemon *daemon, AlarmLook look, void *data)
{
    Alarm *alarm = g_new0(Alarm, 1);

    alarm->daemon = daemon;
    alarm->look = look;
    alarm->data = data;
    return alarm;
}

void alarm_free(Alarm *alarm)
{
    if (alarm == NULL)
        return;
    context_drop(&alarm->timer);
    g_free(alarm);
}

void alarm_follow(Alarm *alarm)
{
    context_call(alarm->daemon, follow, alarm);
}
