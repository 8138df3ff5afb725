/* JSON Schema from the rows. Members are inserted in table order, so that the printed files are
 * stable. */
#include "schema.h"

#include <string.h>

#include "object.h"
#include "variables.h"

#define DIALECT "https://json-schema.org/draft/2020-12/schema"

static json_t *rows_schema(const Row *rows, const char *const *more);

static json_t *type_list(const char *const *names)
{
    json_t *list = json_array();

    for (; *names != NULL; names++)
        json_array_append_new(list, json_string(*names));
    return list;
}

static json_t *words_schema(const char *const *words)
{
    return json_pack("{s:o}", "enum", type_list(words));
}

/* The check of a scalar's text. Values of config and devices may be written without quotes, so that
 * numbers and booleans pass as well; patterns look at texts only. */
static json_t *text_schema(const Row *row)
{
    static const char *const scalars[] = {"string", "number", "boolean", "null", NULL};
    json_t *schema;

    if (row->type == &TYPE_ENUM)
        return words_schema(row->values);
    schema = json_pack("{s:o}", "type", type_list(scalars));
    if (row->type->schema != NULL) {
        json_t *part = json_loads(row->type->schema, 0, NULL);

        json_object_update(schema, part);
        json_decref(part);
    }
    return schema;
}

static json_t *shape_schema(const Row *row)
{
    switch (row->type->shape) {
    case SHAPE_BOOL:
        return json_pack("{s:s}", "type", "boolean");
    case SHAPE_INT:
        return json_pack("{s:s}", "type", "integer");
    case SHAPE_LIST: {
        json_t *item = json_pack("{s:s}", "type", "string");
        json_t *part = row->type->schema != NULL ? json_loads(row->type->schema, 0, NULL) : NULL;

        json_object_update(item, part);
        json_decref(part);
        return json_pack("{s:[s,s], s:o}", "type", "array", "null", "items", item);
    }
    case SHAPE_MAP:
        return json_pack("{s:[s,s], s:{s:[s,s,s,s]}}", "type", "object", "null",
                         "additionalProperties", "type", "string", "number", "boolean", "null");
    case SHAPE_OBJECT:
        if ((row->flags & ROW_SHORT) != 0)
            return json_pack("{s:[{s:s}, o]}", "anyOf", "type", "string",
                             rows_schema(row->fields, NULL));
        return rows_schema(row->fields, NULL);
    case SHAPE_OBJECTS:
        return json_pack("{s:[s,s], s:o}", "type", "array", "null", "items",
                         rows_schema(row->fields, NULL));
    case SHAPE_STRING:
        break;
    }
    return text_schema(row);
}

/* The default as it looks in a file. */
static json_t *fallback_of(const Row *row)
{
    if (row->type->shape == SHAPE_BOOL)
        return json_boolean(type_is_true(row->fallback));
    return json_string(row->fallback);
}

#define WITH_VARIABLE "\\$\\{"

/* A text with a variable in it may stand where something else is meant (EN-04). Patterns look at
 * texts only. */
static json_t *with_variables(json_t *schema)
{
    json_t *type = json_object_get(schema, "type");
    const char *pattern = json_member_string(schema, "pattern");
    gboolean text = json_is_string(type) && strcmp(json_string_value(type), "string") == 0;
    size_t i;
    json_t *item;

    if (type == NULL)
        return json_pack("{s:[o, {s:s, s:s}]}", "anyOf", schema, "type", "string", "pattern",
                         WITH_VARIABLE);
    json_array_foreach (type, i, item)
        text |= strcmp(json_string_value(item), "string") == 0;
    if (text && pattern != NULL)
        json_object_set_new(schema, "pattern", json_sprintf(WITH_VARIABLE "|%s", pattern));
    if (text)
        return schema;
    if (json_is_string(type))
        json_object_set_new(schema, "type", json_pack("[O, s]", type, "string"));
    else
        json_array_append_new(type, json_string("string"));
    json_object_set_new(schema, "pattern", json_string(WITH_VARIABLE));
    return schema;
}

static json_t *row_schema(const Row *row)
{
    json_t *schema =
        (row->flags & ROW_RUNTIME) != 0 ? json_object() : with_variables(shape_schema(row));

    json_object_set_new(
        schema, "description",
        json_sprintf("%s%s", row->summary,
                     (row->flags & ROW_UNSUPPORTED) != 0 ? " Not supported by this build." : ""));
    if (row->fallback != NULL)
        json_object_set_new(schema, "default", fallback_of(row));
    if ((row->flags & ROW_RUNTIME) != 0)
        json_object_set_new(schema, "readOnly", json_true());
    if ((row->flags & ROW_SECRET) != 0)
        json_object_set_new(schema, "writeOnly", json_true());
    return schema;
}

/* "bgp.peers.*.asn" -> "^bgp\.peers\..+\.asn$". Newly allocated. */
static char *key_pattern(const char *key)
{
    g_autoptr(GString) pattern = g_string_new("^");

    for (; *key != '\0'; key++) {
        if (*key == '*')
            g_string_append(pattern, ".+");
        else if (*key == '.')
            g_string_append(pattern, "\\.");
        else
            g_string_append_c(pattern, *key);
    }
    g_string_append_c(pattern, '$');
    return g_strdup(pattern->str);
}

static void add_row(json_t *schema, const Row *row)
{
    if (strchr(row->key, '*') != NULL) {
        g_autofree char *pattern = key_pattern(row->key);
        json_t *patterns = json_object_get(schema, "patternProperties");

        if (patterns == NULL) {
            patterns = json_object();
            json_object_set_new(schema, "patternProperties", patterns);
        }
        json_object_set_new(patterns, pattern, row_schema(row));
        return;
    }
    json_object_set_new(json_object_get(schema, "properties"), row->key, row_schema(row));
}

/* Schema of a map with these rows and no other keys but `more` (NULL-terminated; their values are
 * checked elsewhere). */
static json_t *rows_schema(const Row *rows, const char *const *more)
{
    json_t *schema = json_pack("{s:s, s:{}}", "type", "object", "properties");
    json_t *required = json_array();

    for (; more != NULL && *more != NULL; more++)
        json_object_set_new(json_object_get(schema, "properties"), *more, json_true());
    for (const Row *row = rows; row->key != NULL; row++) {
        add_row(schema, row);
        if ((row->flags & ROW_REQUIRED) != 0)
            json_array_append_new(required, json_string(row->key));
    }
    json_object_set_new(schema, "additionalProperties", json_false());
    if (json_array_size(required) > 0)
        json_object_set(schema, "required", required);
    json_decref(required);
    return schema;
}

/* `type` (and for a nic `nictype`) as condition, the rows as consequence. */
static json_t *device_case(const DeviceType *type)
{
    static const char *const more[] = {"type", NULL};
    json_t *condition = json_pack("{s:{s:{s:s}}}", "properties", "type", "const", type->type);
    json_t *consequence = rows_schema(type->rows, more);

    if (type->variant != NULL) {
        json_object_set_new(json_object_get(condition, "properties"), "nictype",
                            json_pack("{s:s}", "const", type->variant));
        json_object_set_new(condition, "required", json_pack("[s]", "nictype"));
    }
    json_object_set_new(consequence, "description",
                        json_sprintf("%s%s", type->summary,
                                     type->unsupported ? " Not supported by this build." : ""));
    return json_pack("{s:o, s:o}", "if", condition, "then", consequence);
}

/* A nic that names a network: the type of that decides, so the keys of all types are let through.
 */
static json_t *network_case(void)
{
    json_t *consequence = json_pack("{s:s, s:{s:b}}", "type", "object", "properties", "type", TRUE);

    for (const DeviceType *type = DEVICE_TYPES; type->type != NULL; type++)
        for (const Row *row = type->rows; type->variant != NULL && row->key != NULL; row++)
            if (json_object_get(json_object_get(consequence, "properties"), row->key) == NULL)
                add_row(consequence, row);
    json_object_set_new(consequence, "additionalProperties", json_false());
    return json_pack("{s:{s:{s:{s:s}, s:b}}, s:o}", "if", "properties", "type", "const", "nic",
                     "nictype", FALSE, "then", consequence);
}

static json_t *device_schema(void)
{
    json_t *names = json_array();
    json_t *cases = json_array();
    const char *last = "";

    for (const DeviceType *type = DEVICE_TYPES; type->type != NULL; type++) {
        if (strcmp(last, type->type) != 0)
            json_array_append_new(names, json_string(type->type));
        last = type->type;
        json_array_append_new(cases, device_case(type));
    }
    json_array_append_new(cases, network_case());
    return json_pack("{s:s, s:[s], s:{s:{s:o}}, s:o}", "type", "object", "required", "type",
                     "properties", "type", "enum", names, "allOf", cases);
}

/* What an entry of an overlay may say of itself (EN-04). */
static json_t *patch_schema(void)
{
    return json_pack("{s:[s,s,s], s:s}", "enum", "merge", "replace", "delete", "description",
                     "In an overlay: what to do with what this is laid over.");
}

static json_t *config_schema(const Kind *kind)
{
    json_t *schema = rows_schema(kind->config, NULL);

    json_object_set_new(json_object_get(schema, "properties"), "$patch", patch_schema());
    json_object_set_new(schema, "type", json_pack("[s,s]", "object", "null"));
    return schema;
}

/* One entry, with references into $defs for what is shared. */
static json_t *entry_schema(const Kind *kind)
{
    json_t *schema, *properties, *name;

    if ((kind->flags & KIND_SINGLETON) != 0)
        return config_schema(kind);
    schema = rows_schema(kind->fields, NULL);
    properties = json_object_get(schema, "properties");
    name = json_pack("{s:s, s:i, s:s}", "type", "string", "minLength", 1, "description",
                     "Name of the object.");
    json_object_set_new(properties, "name", name);
    json_object_set_new(
        properties, "foreach",
        json_pack("{s:[s,s,s,s], s:s}", "type", "array", "object", "integer", "string",
                  "description",
                  "Makes one object for each item of a list or map, or so many; ${each.key} and "
                  "${each.value} are the item."));
    json_object_set_new(
        properties, "as",
        json_pack("{s:s, s:s}", "type", "string", "description", "Name to use instead of each."));
    json_object_set_new(properties, "$patch", patch_schema());
    if (json_object_get(schema, "required") == NULL)
        json_object_set_new(schema, "required", json_array());
    json_array_insert_new(json_object_get(schema, "required"), 0, json_string("name"));
    if ((kind->flags & KIND_IN_PROJECT) != 0)
        json_object_set_new(properties, "project",
                            json_pack("{s:s, s:s, s:s}", "type", "string", "description",
                                      "Project that the object is in.", "default", "default"));
    if (kind->id == KIND_INSTANCE)
        json_object_set_new(properties, "image",
                            json_pack("{s:s, s:s}", "type", "string", "description",
                                      "Short for a source with this alias or fingerprint."));
    if ((kind->flags & KIND_CONFIG) != 0)
        json_object_set_new(properties, "config", config_schema(kind));
    if ((kind->flags & KIND_DEVICES) != 0)
        json_object_set_new(properties, "devices",
                            json_pack("{s:[s,s], s:{s:s}}", "type", "object", "null",
                                      "additionalProperties", "$ref", "#/$defs/device"));
    return schema;
}

static void add_head(json_t *schema, const char *title)
{
    json_t *head = json_pack("{s:s, s:s}", "$schema", DIALECT, "title", title);

    json_object_update(head, schema);
    json_object_clear(schema);
    json_object_update(schema, head);
    json_decref(head);
}

/* What a file says of itself: variables, and the other files that belong to it (EN-04). */
static void add_language(json_t *properties, json_t *definitions)
{
    json_t *types = json_array();
    json_t *paths =
        json_pack("{s:[s,s,s], s:{s:s}, s:s}", "type", "array", "string", "null", "items", "type",
                  "string", "description", "Files and directories, relative to this file.");

    for (VariableType type = 0; type < VARIABLE_TYPES; type++)
        json_array_append_new(types, json_string(variable_type_name(type)));
    json_object_set_new(
        definitions, "variable",
        json_pack("{s:s, s:[s,s,s,s,s,s], s:{s:{s:o}, s:b, s:{s:s}, s:{s:s}}, s:b}", "description",
                  "A declaration, a default alone, or nothing: a text that must be given.", "type",
                  "object", "array", "string", "number", "boolean", "null", "properties", "type",
                  "enum", types, "default", TRUE, "required", "type", "boolean", "description",
                  "type", "string", "additionalProperties", FALSE));
    json_object_set_new(properties, "vars",
                        json_pack("{s:[s,s], s:{s:s}, s:s}", "type", "object", "null",
                                  "additionalProperties", "$ref", "#/$defs/variable", "description",
                                  "Variables, used as ${NAME}."));
    json_object_set(properties, "include", paths);
    json_object_set_new(properties, "overlays", paths);
}

static json_t *file_schema(void)
{
    json_t *definitions = json_object();
    json_t *properties = json_object();

    json_object_set_new(definitions, "device", device_schema());
    add_language(properties, definitions);
    for (guint i = 0; i < KIND_MAX; i++) {
        const Kind *kind = KINDS[i];

        json_object_set_new(definitions, kind->name, entry_schema(kind));
        if ((kind->flags & KIND_SINGLETON) != 0)
            json_object_set_new(properties, kind->plural,
                                json_pack("{s:o}", "$ref", json_sprintf("#/$defs/%s", kind->name)));
        else
            json_object_set_new(properties, kind->plural,
                                json_pack("{s:[s,s], s:{s:o}}", "type", "array", "null", "items",
                                          "$ref", json_sprintf("#/$defs/%s", kind->name)));
    }
    for (const char *const *key = KINDS_NOT_YET; *key != NULL; key++)
        json_object_set_new(properties, *key,
                            json_pack("{s:s}", "description", "Not supported by this build."));
    json_object_set_new(properties, "cluster",
                        json_pack("{s:s}", "description", "Not supported by this build."));
    return json_pack("{s:[s,s], s:o, s:b, s:o}", "type", "object", "null", "properties", properties,
                     "additionalProperties", FALSE, "$defs", definitions);
}

json_t *schema_of(const Kind *kind)
{
    json_t *schema;

    if (kind == NULL) {
        schema = file_schema();
        add_head(schema, "berth state file");
        return schema;
    }
    schema = entry_schema(kind);
    add_head(schema, kind->title);
    if ((kind->flags & KIND_DEVICES) != 0)
        json_object_set_new(schema, "$defs", json_pack("{s:o}", "device", device_schema()));
    return schema;
}
