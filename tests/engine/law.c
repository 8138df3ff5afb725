#include "law.h"

#include <stdio.h>

#define TOLD 3

void law_check(Law *law, guint seed, gboolean holds, const char *detail)
{
    law->checks++;
    if (holds)
        return;
    if (++law->failures <= TOLD) {
        g_auto(GStrv) lines = g_strsplit(detail != NULL ? detail : "", "\n", -1);
        g_autofree char *text = g_strjoinv("\n# ", lines);

        printf("# seed %u: %s: %.1500s\n", seed, law->name, text);
    }
}

int laws_report(const Law *laws, guint count)
{
    guint failed = 0;

    for (guint i = 0; i < count; i++) {
        const Law *law = &laws[i];
        gboolean holds = law->checks > 0 && law->failures * 100 <= law->checks * law->failures_in;

        printf("%sok %u - %s (%u checks, %u failed)\n", holds ? "" : "not ", i + 1, law->name,
               law->checks, law->failures);
        failed += holds ? 0 : 1;
    }
    printf("1..%u\n", count);
    return failed > 0 ? 1 : 0;
}
