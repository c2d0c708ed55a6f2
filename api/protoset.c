/* SPDX-License-Identifier: Apache-2.0 */
#include "api/protoset.h"

#include <assert.h>
#include <stdlib.h>

#include "google/protobuf/descriptor.pb-c.h"

enum {
	PROTOSET_BYTES_MAX = 16 * 1024 * 1024,
	PROTOSET_NAMES_MAX = 8192,
	PROTOSET_PATH_MAX = 16,
	/* Numbers of FileDescriptorProto's and DescriptorProto's members, of which SourceCodeInfo
	 * makes its paths. */
	FILE_MESSAGES = 4,
	FILE_ENUMS = 5,
	FILE_SERVICES = 6,
	MESSAGE_FIELDS = 2,
	MESSAGE_MESSAGES = 3,
	MESSAGE_ENUMS = 4,
	ENUM_VALUES = 2,
	SERVICE_METHODS = 2,
};

struct protoset_name {
	const char *name;
	const char *comment;
	size_t file;
	size_t order; /* in which it was found: the first of two equal names wins */
};

struct protoset {
	struct arena *arena;
	Google__Protobuf__FileDescriptorSet *files;
	struct bytes spans[PROTOSET_FILES_MAX]; /* of each file, where it is compiled in */
	struct protoset_name *names;            /* sorted */
	size_t names_count;
};

/* Where in a file a declaration is: its name so far, and its path in SourceCodeInfo. */
struct protoset_place {
	size_t file;
	const char *scope;
	int32_t path[PROTOSET_PATH_MAX];
	size_t path_count;
};

static const uint8_t protoset_bytes[] = {
#include "ferry_protoset.inc"
};

static void *protoset_alloc(void *arena, size_t n)
{
	return arena_alloc(arena, n);
}

static void protoset_free(void *arena, void *p)
{
	(void)arena;
	(void)p;
}

/* "One. Two." for the lines of a comment. */
static const char *one_line(struct arena *a, const char *comment)
{
	struct buf b;
	buf_init(&b, a, PROTOSET_BYTES_MAX);
	bool gap = false;
	for (const char *p = comment; *p; p++) {
		if (*p == ' ' || *p == '\n') {
			gap = b.n > 0;
			continue;
		}
		if (gap)
			buf_putc(&b, ' ');
		gap = false;
		buf_putc(&b, *p);
	}
	return buf_text(&b);
}

static const char *comment_at(struct protoset *set, const struct protoset_place *place)
{
	const Google__Protobuf__SourceCodeInfo *info =
		set->files->file[place->file]->source_code_info;
	for (size_t i = 0; info && i < info->n_location; i++) {
		const Google__Protobuf__SourceCodeInfo__Location *at = info->location[i];
		if (at->n_path == place->path_count && at->leading_comments &&
		    memcmp(at->path, place->path, at->n_path * sizeof at->path[0]) == 0)
			return one_line(set->arena, at->leading_comments);
	}
	return "";
}

/* Notes the declaration `name`, member `index` of list `list` in `at`, and returns its place. */
static struct protoset_place declare(struct protoset *set, const struct protoset_place *at,
				     int32_t list, size_t index, const char *name)
{
	struct protoset_place place = *at;
	assert(place.path_count + 2 <= PROTOSET_PATH_MAX);
	place.path[place.path_count++] = list;
	place.path[place.path_count++] = (int32_t)index;
	place.scope = at->scope[0] ? arena_printf(set->arena, "%s.%s", at->scope, name) : name;
	assert(set->names_count < PROTOSET_NAMES_MAX);
	set->names[set->names_count] = (struct protoset_name){
		place.scope, comment_at(set, &place), at->file, set->names_count};
	set->names_count++;
	return place;
}

static void declare_enum(struct protoset *set, const struct protoset_place *at, int32_t list,
			 size_t index, const Google__Protobuf__EnumDescriptorProto *e)
{
	struct protoset_place place = declare(set, at, list, index, e->name);
	for (size_t i = 0; i < e->n_value; i++)
		declare(set, &place, ENUM_VALUES, i, e->value[i]->name);
}

static void declare_message(struct protoset *set, const struct protoset_place *at, int32_t list,
			    size_t index, const Google__Protobuf__DescriptorProto *m)
{
	struct protoset_place place = declare(set, at, list, index, m->name);
	for (size_t i = 0; i < m->n_field; i++)
		declare(set, &place, MESSAGE_FIELDS, i, m->field[i]->name);
	for (size_t i = 0; i < m->n_nested_type; i++)
		declare_message(set, &place, MESSAGE_MESSAGES, i, m->nested_type[i]);
	for (size_t i = 0; i < m->n_enum_type; i++)
		declare_enum(set, &place, MESSAGE_ENUMS, i, m->enum_type[i]);
}

static void declare_service(struct protoset *set, const struct protoset_place *at, size_t index,
			    const Google__Protobuf__ServiceDescriptorProto *s)
{
	struct protoset_place place = declare(set, at, FILE_SERVICES, index, s->name);
	for (size_t i = 0; i < s->n_method; i++)
		declare(set, &place, SERVICE_METHODS, i, s->method[i]->name);
}

static void declare_file(struct protoset *set, size_t index)
{
	const Google__Protobuf__FileDescriptorProto *f = set->files->file[index];
	struct protoset_place root = {.file = index, .scope = f->package ? f->package : ""};
	for (size_t i = 0; i < f->n_message_type; i++)
		declare_message(set, &root, FILE_MESSAGES, i, f->message_type[i]);
	for (size_t i = 0; i < f->n_enum_type; i++)
		declare_enum(set, &root, FILE_ENUMS, i, f->enum_type[i]);
	for (size_t i = 0; i < f->n_service; i++)
		declare_service(set, &root, i, f->service[i]);
}

/* A FileDescriptorSet is nothing but its files one after the other: tag 1, length, bytes. */
static void find_spans(struct protoset *set)
{
	const uint8_t *p = protoset_bytes, *end = p + sizeof protoset_bytes;
	for (size_t i = 0; i < set->files->n_file; i++) {
		assert(p < end && *p == 0x0a);
		size_t n = 0;
		unsigned shift = 0;
		do {
			p++;
			assert(p < end && shift < 32);
			n |= (size_t)(*p & 0x7f) << shift;
			shift += 7;
		} while (*p & 0x80);
		p++;
		assert(n <= (size_t)(end - p));
		set->spans[i] = bytes_of(p, n);
		p += n;
	}
	assert(p == end);
}

static int compare_names(const void *a, const void *b)
{
	const struct protoset_name *x = a, *y = b;
	int order = strcmp(x->name, y->name);
	return order ? order : x->order < y->order ? -1 : x->order > y->order;
}

struct protoset *protoset_create(void)
{
	struct arena *a = arena_create(PROTOSET_BYTES_MAX);
	struct protoset *set = arena_alloc(a, sizeof *set);
	set->arena = a;
	ProtobufCAllocator allocator = {protoset_alloc, protoset_free, a};
	set->files = google__protobuf__file_descriptor_set__unpack(
		&allocator, sizeof protoset_bytes, protoset_bytes);
	assert(set->files && set->files->n_file <= PROTOSET_FILES_MAX);
	find_spans(set);
	set->names = arena_array(a, PROTOSET_NAMES_MAX, sizeof set->names[0]);
	for (size_t i = 0; i < set->files->n_file; i++)
		declare_file(set, i);
	qsort(set->names, set->names_count, sizeof set->names[0], compare_names);
	return set;
}

void protoset_destroy(struct protoset *set)
{
	if (set)
		arena_destroy(set->arena);
}

static const struct protoset_name *find_name(const struct protoset *set, const char *name)
{
	size_t low = 0, high = set->names_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(set->names[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == set->names_count || strcmp(set->names[low].name, name) != 0)
		return NULL;
	return &set->names[low];
}

const char *protoset_file_of(const struct protoset *set, const char *name)
{
	const struct protoset_name *found = find_name(set, name);
	return found ? set->files->file[found->file]->name : NULL;
}

const char *protoset_comment(const struct protoset *set, const char *name)
{
	const struct protoset_name *found = find_name(set, name);
	return found ? found->comment : "";
}

static size_t find_file(const struct protoset *set, const char *file)
{
	size_t i = 0;
	while (i < set->files->n_file && strcmp(set->files->file[i]->name, file) != 0)
		i++;
	return i;
}

size_t protoset_files(const struct protoset *set, const char *file,
		      struct bytes out[PROTOSET_FILES_MAX])
{
	size_t wanted[PROTOSET_FILES_MAX] = {find_file(set, file)};
	bool have[PROTOSET_FILES_MAX] = {false};
	if (wanted[0] == set->files->n_file)
		return 0;
	have[wanted[0]] = true;
	size_t n = 1;
	for (size_t i = 0; i < n; i++) {
		const Google__Protobuf__FileDescriptorProto *f = set->files->file[wanted[i]];
		out[i] = set->spans[wanted[i]];
		for (size_t j = 0; j < f->n_dependency; j++) {
			size_t import = find_file(set, f->dependency[j]);
			assert(import < set->files->n_file);
			if (!have[import])
				wanted[n++] = import;
			have[import] = true;
		}
	}
	return n;
}
