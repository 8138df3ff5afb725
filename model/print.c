#include "print.h"

#include <string.h>
#include <yaml.h>

#include "body.h"
#include "secrets.h"

/* Events go through libyaml's emitter, which knows how text must be quoted; which text *should* be
 * is decided here. */
typedef struct {
    yaml_emitter_t emitter;
    GString *text;
    gboolean is_template; /* ${ in a value is written $${, so that it stays text when read */
} Printer;

static int append_output(void *data, unsigned char *buffer, size_t size)
{
    g_string_append_len(data, (const char *)buffer, (gssize)size);
    return 1;
}

static void emit(Printer *printer, yaml_event_t *event)
{
    /* The only errors left are wrong orders of events and texts that are no UTF-8: jansson does not
     * hold those. */
    if (yaml_emitter_emit(&printer->emitter, event) == 0)
        g_error("cannot print YAML: %s", printer->emitter.problem);
}

static void printer_init(Printer *printer, gboolean is_template)
{
    yaml_event_t event;

    if (yaml_emitter_initialize(&printer->emitter) == 0)
        g_error("no memory for a YAML emitter");
    printer->text = g_string_new(NULL);
    printer->is_template = is_template;
    yaml_emitter_set_output(&printer->emitter, append_output, printer->text);
    yaml_emitter_set_unicode(&printer->emitter, 1);
    yaml_emitter_set_width(&printer->emitter, -1);
    yaml_emitter_set_indent(&printer->emitter, 2);
    yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING);
    emit(printer, &event);
    yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1);
    emit(printer, &event);
}

static char *printer_finish(Printer *printer)
{
    yaml_event_t event;

    yaml_document_end_event_initialize(&event, 1);
    emit(printer, &event);
    yaml_stream_end_event_initialize(&event);
    emit(printer, &event);
    yaml_emitter_delete(&printer->emitter);
    /* A mark of the document's end, which is written after a scalar that stands alone. */
    if (g_str_has_suffix(printer->text->str, "\n...\n"))
        g_string_truncate(printer->text, printer->text->len - 4);
    return g_string_free(printer->text, FALSE);
}

gboolean print_is_ambiguous(const char *text)
{
    static const char *const words[] = {"~",   "null", "true", "false", "yes", "no", "on",
                                        "off", "y",    "n",    "=",     "<<",  NULL};
    static GRegex *number;

    if (*text == '\0')
        return TRUE;
    for (guint i = 0; words[i] != NULL; i++)
        if (g_ascii_strcasecmp(text, words[i]) == 0)
            return TRUE;
    if (strchr("+-.0123456789", *text) == NULL)
        return FALSE;
    if (g_once_init_enter(&number)) {
        GRegex *regex =
            g_regex_new("^(?:[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-f_]+|[0-9][0-9_]*(?::[0-5]?[0-9])+"
                        "(?:\\.[0-9_]*)?|"
                        "(?:\\.[0-9]|[0-9])[0-9_]*(?:\\.[0-9_]*)?(?:e[-+]?[0-9]+)?|\\.inf)|\\.nan|"
                        "[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}.*)$",
                        G_REGEX_CASELESS | G_REGEX_OPTIMIZE | G_REGEX_DOTALL, 0, NULL);

        g_once_init_leave(&number, regex);
    }
    return g_regex_match(number, text, 0, NULL);
}

/* Lines of text are readable as a block, unless blanks at its ends would hide. */
static yaml_scalar_style_t style_of(const char *text, gsize length)
{
    if (strchr(text, '\n') != NULL)
        return g_ascii_isspace(*text) || g_str_has_suffix(text, "\n\n") ||
                       strstr(text, " \n") != NULL || text[length - 1] == ' '
                   ? YAML_DOUBLE_QUOTED_SCALAR_STYLE
                   : YAML_LITERAL_SCALAR_STYLE;
    return print_is_ambiguous(text) ? YAML_DOUBLE_QUOTED_SCALAR_STYLE : YAML_PLAIN_SCALAR_STYLE;
}

static void put_scalar(Printer *printer, const char *text, yaml_scalar_style_t style)
{
    yaml_event_t event;

    yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text, (int)strlen(text),
                                 1, 1, style);
    emit(printer, &event);
}

/* Newly allocated: the text as a state file has it. */
static char *escaped(const Printer *printer, const char *text)
{
    g_auto(GStrv) parts = NULL;

    if (!printer->is_template || strstr(text, "${") == NULL)
        return g_strdup(text);
    parts = g_strsplit(text, "${", -1);
    return g_strjoinv("$${", parts);
}

static void put_text(Printer *printer, const char *text)
{
    g_autofree char *written = escaped(printer, text);
    g_autofree char *plain = secrets_shown(written);

    put_scalar(printer, plain, style_of(plain, strlen(plain)));
}

static void put_key(Printer *printer, const char *key)
{
    g_autofree char *plain = escaped(printer, key);

    put_scalar(printer, plain,
               print_is_ambiguous(plain) ? YAML_DOUBLE_QUOTED_SCALAR_STYLE
                                         : YAML_PLAIN_SCALAR_STYLE);
}

static void begin_map(Printer *printer, gboolean empty)
{
    yaml_event_t event;

    yaml_mapping_start_event_initialize(&event, NULL, NULL, 1,
                                        empty ? YAML_FLOW_MAPPING_STYLE : YAML_BLOCK_MAPPING_STYLE);
    emit(printer, &event);
}

static void end_map(Printer *printer)
{
    yaml_event_t event;

    yaml_mapping_end_event_initialize(&event);
    emit(printer, &event);
}

static void begin_list(Printer *printer, gboolean empty)
{
    yaml_event_t event;

    yaml_sequence_start_event_initialize(
        &event, NULL, NULL, 1, empty ? YAML_FLOW_SEQUENCE_STYLE : YAML_BLOCK_SEQUENCE_STYLE);
    emit(printer, &event);
}

static void end_list(Printer *printer)
{
    yaml_event_t event;

    yaml_sequence_end_event_initialize(&event);
    emit(printer, &event);
}

static void put_value(Printer *printer, const json_t *value)
{
    g_autoptr(GPtrArray) keys = NULL;
    json_t *item;
    size_t i;
    char *text;

    switch (json_typeof(value)) {
    case JSON_STRING:
        put_text(printer, json_string_value(value));
        break;
    case JSON_ARRAY:
        begin_list(printer, json_array_size(value) == 0);
        json_array_foreach (value, i, item)
            put_value(printer, item);
        end_list(printer);
        break;
    case JSON_OBJECT:
        keys = json_sorted_keys(value);
        begin_map(printer, keys->len == 0);
        for (guint k = 0; k < keys->len; k++) {
            put_key(printer, keys->pdata[k]);
            put_value(printer, json_object_get(value, keys->pdata[k]));
        }
        end_map(printer);
        break;
    default:
        text = json_dumps(value, JSON_ENCODE_ANY);
        put_scalar(printer, text, YAML_PLAIN_SCALAR_STYLE);
        free(text);
        break;
    }
}

char *print_yaml(const json_t *value, guint indent)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    GString *indented;
    Printer printer;

    printer_init(&printer, FALSE);
    put_value(&printer, value);
    text = printer_finish(&printer);
    if (indent == 0)
        return g_steal_pointer(&text);
    lines = g_strsplit(text, "\n", -1);
    indented = g_string_new(NULL);
    for (guint i = 0; lines[i] != NULL && (lines[i + 1] != NULL || *lines[i] != '\0'); i++)
        g_string_append_printf(indented, "%*s%s\n", *lines[i] != '\0' ? (int)indent : 0, "",
                               lines[i]);
    return g_string_free(indented, FALSE);
}

/* What stands for a secret: the reference that it was declared with, or one that names it (EN-50).
 */
static void put_secret(Printer *printer, const Object *object, const char *key, const json_t *value)
{
    g_autofree char *label = object_label(object);
    g_autofree char *reference = g_strdup_printf("${secret:file:/%s/%s}", label, key);

    if (secrets_in_value(value)) {
        put_value(printer, value);
        return;
    }
    /* A daemon shows the reference itself. */
    if (json_is_string(value) && secrets_is_reference(json_string_value(value))) {
        put_scalar(printer, json_string_value(value), YAML_PLAIN_SCALAR_STYLE);
        return;
    }
    put_scalar(printer, reference, YAML_PLAIN_SCALAR_STYLE);
}

static void put_config(Printer *printer, const Object *object, const json_t *config)
{
    g_autoptr(GPtrArray) keys = json_sorted_keys(config);

    begin_map(printer, FALSE);
    for (guint i = 0; i < keys->len; i++) {
        const Row *row = row_find(object_kind(object)->config, keys->pdata[i]);

        put_key(printer, keys->pdata[i]);
        if (row != NULL && (row->flags & ROW_SECRET) != 0)
            put_secret(printer, object, keys->pdata[i], json_object_get(config, keys->pdata[i]));
        else
            put_value(printer, json_object_get(config, keys->pdata[i]));
    }
    end_map(printer);
}

/* The members of a nested object in row order. */
static void put_fields(Printer *printer, const Object *object, const Row *rows,
                       const json_t *value);

static void put_field(Printer *printer, const Object *object, const Row *row, const json_t *value)
{
    json_t *item;
    size_t i;

    if ((row->flags & ROW_SECRET) != 0) {
        put_secret(printer, object, row->key, value);
    } else if (row->type->shape == SHAPE_OBJECT && row->fields != NULL) {
        begin_map(printer, json_object_size(value) == 0);
        put_fields(printer, object, row->fields, value);
        end_map(printer);
    } else if (row->type->shape == SHAPE_OBJECTS && row->fields != NULL) {
        begin_list(printer, json_array_size(value) == 0);
        json_array_foreach (value, i, item) {
            begin_map(printer, json_object_size(item) == 0);
            put_fields(printer, object, row->fields, item);
            end_map(printer);
        }
        end_list(printer);
    } else {
        put_value(printer, value);
    }
}

static void put_fields(Printer *printer, const Object *object, const Row *rows, const json_t *value)
{
    for (const Row *row = rows; row != NULL && row->key != NULL; row++) {
        const json_t *member = json_object_get(value, row->key);
        char *text;

        if (member == NULL)
            continue;
        text = body_short_source(object, row, member);
        if (text != NULL) {
            put_key(printer, object->id.kind == KIND_INSTANCE ? "image" : "source");
            put_text(printer, text);
            g_free(text);
            continue;
        }
        put_key(printer, row->key);
        put_field(printer, object, row, member);
    }
}

static void put_object(Printer *printer, const Object *object)
{
    const Kind *kind = object_kind(object);
    const json_t *config = json_object_get(object->spec, "config");
    const json_t *devices = json_object_get(object->spec, "devices");

    begin_map(printer, FALSE);
    put_key(printer, "name");
    put_text(printer, object->id.name);
    if ((kind->flags & KIND_IN_PROJECT) != 0 && strcmp(object->id.project, "default") != 0) {
        put_key(printer, "project");
        put_text(printer, object->id.project);
    }
    put_fields(printer, object, kind->fields, object->spec);
    if (json_object_size(config) > 0) {
        put_key(printer, "config");
        put_config(printer, object, config);
    }
    if (json_object_size(devices) > 0) {
        put_key(printer, "devices");
        put_value(printer, devices);
    }
    end_map(printer);
}

/* The objects of one kind as a section; nothing when there are none. Returns whether there was one.
 */
static gboolean put_section(Printer *printer, const Kind *kind, const GPtrArray *objects)
{
    gboolean any = FALSE;

    for (guint i = 0; i < objects->len; i++) {
        const Object *object = objects->pdata[i];

        if (object->id.kind != kind->id)
            continue;
        if ((kind->flags & KIND_SINGLETON) != 0) {
            const json_t *config = json_object_get(object->spec, "config");

            if (json_object_size(config) == 0)
                return FALSE;
            put_key(printer, "config");
            put_config(printer, object, config);
            return TRUE;
        }
        if (!any) {
            put_key(printer, kind->plural);
            begin_list(printer, FALSE);
        }
        any = TRUE;
        put_object(printer, object);
    }
    if (any)
        end_list(printer);
    return any;
}

/* Whether a text looks like a reference to a secret and is none, or holds one within other text. */
static gboolean is_misleading(const json_t *value)
{
    const char *text = json_string_value(value);
    size_t i;
    const char *key;
    json_t *item;

    json_array_foreach ((json_t *)value, i, item)
        if (is_misleading(item))
            return TRUE;
    json_object_foreach ((json_t *)value, key, item)
        if (secrets_is_reference(key) || is_misleading(item))
            return TRUE;
    if (text == NULL || !secrets_in(text))
        return text != NULL && secrets_is_reference(text);
    return !secrets_is_whole(text);
}

/* In a file without `vars:` a ${ is text, but for secrets. */
static gboolean needs_template(const GPtrArray *objects)
{
    for (guint i = 0; i < objects->len; i++)
        if (is_misleading(((const Object *)objects->pdata[i])->spec))
            return TRUE;
    return FALSE;
}

char *print_objects(const GPtrArray *objects)
{
    gboolean any = FALSE;
    g_autofree char *text = NULL;
    Printer printer;

    printer_init(&printer, needs_template(objects));
    begin_map(&printer, FALSE);
    if (printer.is_template) {
        put_key(&printer, "vars");
        begin_map(&printer, TRUE);
        end_map(&printer);
    }
    for (guint i = 0; i < KIND_MAX; i++)
        any = put_section(&printer, KINDS[i], objects) || any;
    end_map(&printer);
    text = printer_finish(&printer);
    return any ? g_steal_pointer(&text) : g_strdup("{}\n");
}
