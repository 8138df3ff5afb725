#include "meter.h"

static __thread const Meter *listener;

const Meter *meter_listen(const Meter *meter)
{
    const Meter *before = listener;

    listener = meter;
    return before;
}

void meter_tell(guint64 done, guint64 total)
{
    if (listener != NULL)
        listener->tell(listener->data, done, total);
}
