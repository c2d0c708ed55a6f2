/* SPDX-License-Identifier: Apache-2.0
 *
 * ListMessages: the newest first, by keyset. A filter that no index serves is answered by looking
 * through the messages, a window at a time; when the time for that is over, the page is short and
 * its token goes on from there.
 */
#include <string.h>

#include "api/token.h"
#include "api/validate.h"
#include "api/view.h"
#include "api/work.h"
#include "base/clock.h"
#include "chain/account.h"
#include "ferry/v1/message_service.pb-c.h"

enum { LIST_SCAN = 5000, LIST_SCAN_MS = 1000, LIST_PAGE_ROOM = 201 };

static const Ferry__V1__ListMessagesRequest *list_request(const struct work *w)
{
	return (const Ferry__V1__ListMessagesRequest *)w->call->request;
}

static struct bytes list_bytes(struct work *w, ProtobufCBinaryData in, size_t n,
			       const char *pointer)
{
	if (in.len != 0 && in.len != n)
		ctx_add_detail(w->cx, pointer, "INVALID", "this has %zu bytes", n);
	return bytes_of(in.data, in.len);
}

static struct bytes list_receiver(struct work *w, ProtobufCBinaryData in)
{
	if (in.len != 20)
		return list_bytes(w, in, 32, "/receiver");
	uint8_t *word = arena_alloc(w->call->arena, 32);
	memcpy(word + 12, in.data, 20);
	return bytes_of(word, 32);
}

static struct bytes list_author(struct work *w, const char *text)
{
	struct addr *a = arena_alloc(w->call->arena, sizeof *a);
	uint64_t chain_id;
	if (!text[0])
		return (struct bytes){NULL, 0};
	if (account_caip10_parse(&chain_id, a, text, strlen(text)) != ST_OK)
		ctx_add_detail(w->cx, "/author", "AUTHOR_INVALID",
			       "an author is CAIP-10, eip155:<chain id>:0x<address>");
	return bytes_of(a->b, sizeof a->b);
}

static bool is_value(const ProtobufCEnumDescriptor *d, int v)
{
	return protobuf_c_enum_descriptor_get_value(d, v) != NULL;
}

static void list_filter(struct work *w, struct message_filter *f)
{
	const Ferry__V1__ListMessagesRequest *in = list_request(w);
	memset(f, 0, sizeof *f);
	if (!is_value(&ferry__v1__state__descriptor, (int)in->state))
		ctx_add_detail(w->cx, "/state", "INVALID", "there is no such state");
	else if (in->state)
		f->state = state_name((enum message_state)(in->state - 1));
	if (!is_value(&ferry__v1__kind__descriptor, (int)in->kind))
		ctx_add_detail(w->cx, "/kind", "INVALID", "there is no such kind");
	f->kind = in->kind;
	f->src_eid = in->src_eid;
	f->dst_eid = in->dst_eid;
	f->author = list_author(w, in->author);
	f->receiver = list_receiver(w, in->receiver);
	f->source_tx = list_bytes(w, in->source_tx, 32, "/source_tx");
	f->client_ref = in->client_ref[0] ? in->client_ref : NULL;
	(void)list_bytes(w, in->guid, 32, "/guid");
}

static bool is_filtered(const struct message_filter *f)
{
	return f->state || f->kind || f->src_eid || f->dst_eid || f->author.n || f->receiver.n ||
	       f->source_tx.n || f->client_ref;
}

/* The filter as bytes: a token holds for one filter. */
static struct token_scope list_scope(struct work *w)
{
	Ferry__V1__ListMessagesRequest f = *list_request(w);
	f.page_size = 0;
	f.page_token = (char *)protobuf_c_empty_string;
	size_t n = ferry__v1__list_messages_request__get_packed_size(&f);
	uint8_t *packed = arena_alloc(w->call->arena, n);
	ferry__v1__list_messages_request__pack(&f, packed);
	return (struct token_scope){'m', w->call->who.app_id, bytes_of(packed, n)};
}

static const char *list_token(struct work *w, const struct uuid *last)
{
	struct token_scope scope = list_scope(w);
	char *out = arena_alloc(w->call->arena, TOKEN_TEXT_BYTES);
	token_write(out, w->api->config.page_token_key, &scope, last->b);
	return out;
}

static enum status list_start(struct work *w, struct message_ref *before)
{
	const char *text = list_request(w)->page_token;
	struct token_scope scope = list_scope(w);
	before->app_id = w->call->who.app_id;
	memset(before->id.b, 0xff, sizeof before->id.b);
	if (!text[0] || token_read(before->id.b, w->api->config.page_token_key, &scope, text))
		return ST_OK;
	ctx_add_detail(w->cx, "/page_token", "PAGE_TOKEN_INVALID",
		       "a page token holds for the list, the filter and the app it was given for");
	return validate_end(w->cx);
}

struct list_page {
	struct uuid ids[LIST_PAGE_ROOM];
	size_t n;
	bool has_next;
	struct uuid next;
};

/* One id more than the page shows tells whether there is a next page. */
static enum status list_scan(struct work *w, struct list_page *page,
			     const struct message_filter *filter, struct message_ref before,
			     size_t size)
{
	int64_t until = clock_mono_ms() + LIST_SCAN_MS;
	bool end = false;
	while (!end && page->n <= size) {
		struct uuid *ids, last;
		size_t n, want = size + 1 - page->n;
		TRY(message_scan(w->cx, w->db, &ids, &n, &last, &end, filter, &before, want,
				 is_filtered(filter) ? LIST_SCAN : want));
		memcpy(page->ids + page->n, ids, n * sizeof *ids);
		page->n += n;
		before.id = last;
		if (!end && page->n <= size && clock_mono_ms() > until) {
			page->has_next = true;
			page->next = last;
			return ST_OK;
		}
	}
	if (page->n > size) {
		page->n = size;
		page->has_next = true;
		page->next = page->ids[size - 1];
	}
	return ST_OK;
}

static bool bytes_or_any(struct bytes want, const void *p, size_t n, bool has)
{
	return want.n == 0 || (has && bytes_equal(want, bytes_of(p, n)));
}

/* As message_scan's SQL, for the few messages of a guid. */
static bool list_matches(const struct message_filter *f, const struct message *m)
{
	return (!f->state || strcmp(f->state, state_name(m->state)) == 0) &&
	       (!f->kind || f->kind == m->kind) && (!f->src_eid || f->src_eid == m->src_eid) &&
	       (!f->dst_eid || f->dst_eid == m->dst_eid) &&
	       bytes_or_any(f->author, m->author.b, 20, m->has_author) &&
	       bytes_or_any(f->receiver, m->receiver.b, 32, true) &&
	       bytes_or_any(f->source_tx, m->src.tx_hash.b, 32, m->src.is_known) &&
	       (!f->client_ref || (m->client_ref && strcmp(f->client_ref, m->client_ref) == 0));
}

static enum status list_by_guid(struct work *w, struct list_page *page,
				const struct message_filter *filter)
{
	struct hash guid;
	struct message_guid *found;
	size_t n;
	memcpy(guid.b, list_request(w)->guid.data, sizeof guid.b);
	TRY(message_by_guids(w->cx, w->db, &found, &n, &guid, 1));
	for (size_t i = 0; i < n && page->n < LIST_PAGE_ROOM; i++) {
		struct message *m;
		if (found[i].ref.app_id != w->call->who.app_id)
			continue;
		TRY(message_read(w->cx, w->db, &m, &found[i].ref, 1));
		if (m && list_matches(filter, m))
			page->ids[page->n++] = m->ref.id;
	}
	return ST_OK;
}

static enum status list_answer(struct work *w, const struct list_page *page)
{
	struct arena *a = w->call->arena;
	struct message_ref *refs = arena_array(a, page->n, sizeof *refs);
	struct message **rows = arena_array(a, page->n, sizeof(struct message *));
	for (size_t i = 0; i < page->n; i++)
		refs[i] = (struct message_ref){w->call->who.app_id, page->ids[i]};
	TRY(message_read(w->cx, w->db, rows, refs, page->n));
	Ferry__V1__ListMessagesResponse *r = arena_alloc(a, sizeof *r);
	ferry__v1__list_messages_response__init(r);
	r->messages = arena_array(a, page->n, sizeof *r->messages);
	int64_t now = clock_wall_us();
	for (size_t i = 0; i < page->n; i++)
		if (rows[i])
			r->messages[r->n_messages++] =
				view_message(a, &w->api->config, w->world, rows[i], now);
	if (page->has_next)
		r->next_page_token = (char *)list_token(w, &page->next);
	w->call->reply = &r->base;
	return ST_OK;
}

enum status list_messages(struct work *w)
{
	struct message_filter filter;
	struct message_ref before;
	struct list_page *page = arena_alloc(w->call->arena, sizeof *page);
	size_t size = work_page_size(w->cx, list_request(w)->page_size);
	list_filter(w, &filter);
	TRY(validate_end(w->cx));
	TRY(list_start(w, &before));
	if (list_request(w)->guid.len)
		TRY(list_by_guid(w, page, &filter));
	else
		TRY(list_scan(w, page, &filter, before, size));
	return list_answer(w, page);
}
