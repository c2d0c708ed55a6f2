/* SPDX-License-Identifier: Apache-2.0 */
#include "server/yamldoc.h"

#include <assert.h>
#include <yaml.h>

/* One reading: the parser and what was built so far. */
struct yamldoc_reading {
	struct ctx *cx;
	const char *name;
	yaml_parser_t parser;
	yaml_event_t event;
	bool has_event;
	size_t nodes;
};

static void yamldoc_release(void *arg)
{
	struct yamldoc_reading *r = arg;
	if (r->has_event)
		yaml_event_delete(&r->event);
	yaml_parser_delete(&r->parser);
}

static int yamldoc_line(const struct yamldoc_reading *r)
{
	return (int)r->event.start_mark.line + 1;
}

#define yamldoc_refuse(r, ...) yamldoc_refuse_at((r), yamldoc_line(r), __VA_ARGS__)
static enum status __attribute__((format(printf, 3, 4)))
yamldoc_refuse_at(struct yamldoc_reading *r, int line, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	const char *why = arena_vprintf(r->cx->arena, fmt, ap);
	va_end(ap);
	return fail(r->cx, ST_INVALID, "%s:%d: %s", r->name, line, why);
}

static enum status yamldoc_next(struct yamldoc_reading *r)
{
	if (r->has_event)
		yaml_event_delete(&r->event);
	r->has_event = false;
	if (!yaml_parser_parse(&r->parser, &r->event))
		return yamldoc_refuse_at(r, (int)r->parser.problem_mark.line + 1,
					 "this is not YAML: %s",
					 r->parser.problem ? r->parser.problem : "unknown error");
	r->has_event = true;
	return ST_OK;
}

static enum status yamldoc_node_add(struct yamldoc_reading *r, enum yamldoc_kind kind,
				    struct yamldoc_node **out)
{
	if (++r->nodes > YAMLDOC_NODES_MAX)
		return yamldoc_refuse(r, "more than %d values", YAMLDOC_NODES_MAX);
	struct yamldoc_node *node = arena_alloc(r->cx->arena, sizeof *node);
	node->kind = kind;
	node->line = yamldoc_line(r);
	*out = node;
	return ST_OK;
}

static enum status yamldoc_check_plain(struct yamldoc_reading *r, const yaml_char_t *anchor,
				       const yaml_char_t *tag)
{
	if (anchor)
		return yamldoc_refuse(r, "anchors (&) are not read here; write the value out");
	if (tag)
		return yamldoc_refuse(r, "tags (!) are not read here; remove it");
	return ST_OK;
}

/* The text of the scalar event, without NUL inside. */
static enum status yamldoc_read_text(struct yamldoc_reading *r, const char **out)
{
	const char *value = (const char *)r->event.data.scalar.value;
	size_t n = r->event.data.scalar.length;
	if (memchr(value, '\0', n))
		return yamldoc_refuse(r, "a text may not contain a NUL character");
	*out = arena_strndup(r->cx->arena, value, n);
	return ST_OK;
}

static enum status yamldoc_read(struct yamldoc_reading *r, struct yamldoc_node **out,
				unsigned depth);

static enum status yamldoc_read_list(struct yamldoc_reading *r, struct yamldoc_node **out,
				     unsigned depth)
{
	TRY(yamldoc_check_plain(r, r->event.data.sequence_start.anchor,
				r->event.data.sequence_start.tag));
	TRY(yamldoc_node_add(r, YAMLDOC_LIST, out));
	struct yamldoc_node **tail = &(*out)->first;
	for (;;) {
		TRY(yamldoc_next(r));
		if (r->event.type == YAML_SEQUENCE_END_EVENT)
			return ST_OK;
		TRY(yamldoc_read(r, tail, depth + 1));
		tail = &(*tail)->next;
		(*out)->count++;
	}
}

static bool yamldoc_is_printable(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || (unsigned char)*text >= 0x7f)
			return false;
	return true;
}

static enum status yamldoc_read_key(struct yamldoc_reading *r, const struct yamldoc_node *map,
				    const char **key)
{
	if (r->event.type != YAML_SCALAR_EVENT)
		return yamldoc_refuse(r, "the name of an option must be a plain word");
	TRY(yamldoc_check_plain(r, r->event.data.scalar.anchor, r->event.data.scalar.tag));
	TRY(yamldoc_read_text(r, key));
	size_t n = strlen(*key);
	if (n == 0 || n > YAMLDOC_KEY_BYTES_MAX || !yamldoc_is_printable(*key))
		return yamldoc_refuse(r, "the name of an option has 1 to %d printable characters",
				      YAMLDOC_KEY_BYTES_MAX);
	const struct yamldoc_node *before = yamldoc_member(map, *key);
	if (before)
		return yamldoc_refuse(r, "'%s' is given twice, first in line %d", *key,
				      before->line);
	return ST_OK;
}

static enum status yamldoc_read_map(struct yamldoc_reading *r, struct yamldoc_node **out,
				    unsigned depth)
{
	TRY(yamldoc_check_plain(r, r->event.data.mapping_start.anchor,
				r->event.data.mapping_start.tag));
	TRY(yamldoc_node_add(r, YAMLDOC_MAP, out));
	struct yamldoc_node **tail = &(*out)->first;
	for (;;) {
		TRY(yamldoc_next(r));
		if (r->event.type == YAML_MAPPING_END_EVENT)
			return ST_OK;
		const char *key;
		TRY(yamldoc_read_key(r, *out, &key));
		int line = yamldoc_line(r);
		TRY(yamldoc_next(r));
		struct yamldoc_node *value;
		TRY(yamldoc_read(r, &value, depth + 1));
		value->key = key;
		value->line = line;
		*tail = value;
		tail = &value->next;
		(*out)->count++;
	}
}

static enum status yamldoc_read_scalar(struct yamldoc_reading *r, struct yamldoc_node **out)
{
	TRY(yamldoc_check_plain(r, r->event.data.scalar.anchor, r->event.data.scalar.tag));
	TRY(yamldoc_node_add(r, YAMLDOC_TEXT, out));
	(*out)->quoted = r->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	return yamldoc_read_text(r, &(*out)->text);
}

/* The value that starts with the event at hand. */
static enum status yamldoc_read(struct yamldoc_reading *r, struct yamldoc_node **out,
				unsigned depth)
{
	if (depth > YAMLDOC_DEPTH_MAX)
		return yamldoc_refuse(r, "nested deeper than %d levels", YAMLDOC_DEPTH_MAX);
	if (r->event.type == YAML_SCALAR_EVENT)
		return yamldoc_read_scalar(r, out);
	if (r->event.type == YAML_SEQUENCE_START_EVENT)
		return yamldoc_read_list(r, out, depth);
	if (r->event.type == YAML_MAPPING_START_EVENT)
		return yamldoc_read_map(r, out, depth);
	return yamldoc_refuse(r, "aliases (*) are not read here; write the value out");
}

static enum status yamldoc_read_stream(struct yamldoc_reading *r, const struct yamldoc_node **out)
{
	struct yamldoc_node *root;
	TRY(yamldoc_next(r)); /* the stream's start */
	TRY(yamldoc_next(r));
	if (r->event.type == YAML_STREAM_END_EVENT) {
		TRY(yamldoc_node_add(r, YAMLDOC_MAP, &root));
		*out = root;
		return ST_OK;
	}
	TRY(yamldoc_next(r)); /* past the document's start */
	TRY(yamldoc_read(r, &root, 0));
	TRY(yamldoc_next(r)); /* the document's end */
	TRY(yamldoc_next(r));
	if (r->event.type != YAML_STREAM_END_EVENT)
		return yamldoc_refuse(r, "a second document starts here; one file has one");
	*out = root;
	return ST_OK;
}

enum status yamldoc_parse(struct ctx *cx, const struct yamldoc_node **out, struct bytes text,
			  const char *name)
{
	if (text.n > YAMLDOC_BYTES_MAX)
		return fail(cx, ST_TOO_LARGE, "%s: larger than %d bytes", name, YAMLDOC_BYTES_MAX);
	struct yamldoc_reading *r = arena_alloc(cx->arena, sizeof *r);
	r->cx = cx;
	r->name = name;
	int made = yaml_parser_initialize(&r->parser);
	assert(made);
	arena_defer(cx->arena, yamldoc_release, r);
	yaml_parser_set_encoding(&r->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r->parser, text.n ? text.p : (const uint8_t *)"", text.n);
	return yamldoc_read_stream(r, out);
}

const struct yamldoc_node *yamldoc_member(const struct yamldoc_node *map, const char *key)
{
	for (const struct yamldoc_node *n = map->first; n; n = n->next)
		if (strcmp(n->key, key) == 0)
			return n;
	return NULL;
}

const char *yamldoc_kind_name(enum yamldoc_kind kind)
{
	static const char *const names[] = {"a text", "a list", "a map"};
	assert(kind <= YAMLDOC_MAP);
	return names[kind];
}
