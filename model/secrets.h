/* Secrets in values (EN-05), as far as it is about texts. The model never holds the content of a
 * secret. A reference `${secret:file:PATH}`, `${secret:env:NAME}` or `${secret:credential:NAME}`
 * becomes a *token* in the value: the reference and, once somebody has read the content, a keyed
 * digest of it. So values compare, travel in facts and journals and are stored as what they are.
 * The content is put in where it is needed (sealed.h); what is shown is the reference. */
#pragma once

#include "json.h"

/* The text is nothing but one reference. */
gboolean secrets_is_reference(const char *text);

/* Checks "file:/PATH", "env:NAME" or "credential:NAME": ERR_INVALID says what is wrong. */
gboolean secrets_check(const char *reference, GError **error);

/* A token; `digest` is NULL when the content is not known yet. Newly allocated. */
char *secrets_token(const char *reference, const char *digest);

gboolean secrets_in(const char *text);       /* holds a token */
gboolean secrets_is_whole(const char *text); /* is nothing but a token */
gboolean secrets_is_open(const char *text);  /* holds one whose content is not known yet */

/* What a token becomes; appended to `ret`. `digest` is NULL when it is open. */
typedef gboolean (*SecretFunction)(const char *reference, const char *digest, GString *ret,
                                   void *data, GError **error);

/* The text with each token replaced. Newly allocated; NULL when the function fails. */
char *secrets_replace(const char *text, SecretFunction function, void *data, GError **error);
/* The same for all texts in a value. New reference; NULL when the function fails. */
json_t *secrets_replace_all(const json_t *value, SecretFunction function, void *data,
                            GError **error);
gboolean secrets_in_value(const json_t *value);
gboolean secrets_are_open(const json_t *value);

/* A text for people and clients: references stand for tokens, also for those in JSON text. Newly
 * allocated. */
char *secrets_shown(const char *text);
/* The same of a text that is taken over: it is not copied when there is nothing to hide. */
char *secrets_show(char *text);

/* What is shown of both is the same, but the content of a secret in them is not. */
gboolean secrets_changed(const json_t *before, const json_t *after);

/* What was shown is taken for what it stands for: texts of `value` that are what is shown of the
 * text at the same place in `stored`. New reference. */
json_t *secrets_unshown(const json_t *value, const json_t *stored);
