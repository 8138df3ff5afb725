/* Takes the body of a request as its policy says: dropped, into memory, or into an unlinked file.
 */
#pragma once

#include "http/request.h"

/* Looks at the header. FALSE: the body is refused; the request is answered already. */
gboolean body_begin(Request *request, const BodyPolicy *policy);

/* Bytes that have come. FALSE: nothing more is to be read, and the connection has to be closed. */
gboolean body_add(Request *request, const char *spool, const void *data, gsize size);

/* All is here. FALSE: it was refused; the request is answered already. */
gboolean body_end(Request *request);
