/* Tokens that let one client in once (AUTH-28..34): operations of class `token`, which die with the
 * daemon. */
#pragma once

#include "call.h"

/* Answers 202 with a new token for what `body` (CertificatesPost) asks for. */
gboolean token_issue(Call *call, json_t *body, GError **error);

/* The secret in a token's text, base64 of JSON (AUTH-30); NULL when it is no token. Newly
 * allocated. */
char *token_secret(const char *text);

/* Uses a token up, or with `look` only looks at it: the request that it was made for, to be stored;
 * NULL when there is no such token (any more). New reference. */
json_t *token_redeem(Operations *operations, const char *secret, gboolean look);
