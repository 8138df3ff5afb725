/* The API extensions that this build announces (api-extensions.md): only what works. */
#pragma once

#include "json.h"

json_t *extensions_list(void); /* new reference */
