/* A tar (plain or zstd) as a stream that is parsed without risk, for who must not parse what
 * strangers made: for each member a line {"name"?: TEXT, "shown": TEXT, "regular": bool, "size": N}
 * and then its bytes; {"end": true} at the end, or {"damaged": TEXT}. A name is there when it is
 * text and not overlong; "shown" is printable. drivers/image/tar_stream.h is the other side. */
#pragma once

#include <glib.h>

/* Inside the sandbox. FALSE when nobody reads `to` any more. */
gboolean stream_tar(int from, int to);
