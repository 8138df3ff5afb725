/* Starting, stopping and looking at containers, on the real host. */
#include <criterion/criterion.h>

#include "scene.h"

TestSuite(run, .timeout = 60);

#define SCENE()                                                                                    \
    g_autoptr(Scene) scene = scene_new();                                                          \
    if (scene == NULL)                                                                             \
    cr_skip_test("needs root")

Test(run, start_and_stop)
{
    SCENE();
    const Object *c = scene_instance(scene, "c1", "{}", "{}", "{'state': 'running'}");
    g_autofree char *text = NULL;

    scene_must(scene, c);
    cr_assert(scene_init(scene, "c1") > 0);
    cr_expect_eq(scene_run(scene, c, "exit 7", NULL), 7);
    cr_expect_eq(scene_run(scene, c, "id -u; hostname", &text), 0);
    cr_expect_str_eq(text, "0\nc1");
    c = scene_instance(scene, "c1", "{}", "{}", "{'state': 'stopped'}");
    scene_must(scene, c);
    cr_expect_eq(scene_init(scene, "c1"), 0);
}
