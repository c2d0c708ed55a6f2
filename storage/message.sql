-- SPDX-License-Identifier: Apache-2.0

-- name: message_insert one plan
-- Arrays, one member a message, sorted by (app, key): $1 app_id, $2 id, $3 kind, $4 submission, $5 execution,
-- $6 src_eid, $7 dst_eid, $8 receiver, $9 payload, $10 gas_limit, $11 ordering_key, $12 author,
-- $13 author_nonce, $14 deadline, $15 signature, $16 messenger, $17 request_id, $18 client_ref,
-- $19 idempotency_method, $20 idempotency_key, $21 fingerprint, $22 request, $23 recipient,
-- $24 which in the order of arrival, from 1: numbers are given in that order, rows stored in the order of the arrays, which takes no sort.
-- Any taken key leaves its message out: the idempotency key, or the author's nonce.
WITH m AS (
	INSERT INTO message (app_id, id, num, kind, submission, execution, src_eid, dst_eid, receiver,
		payload, gas_limit, ordering_key, author, author_nonce, deadline, signature, messenger,
		request_id, client_ref, recipient, idempotency_method, idempotency_key, fingerprint, request)
	SELECT app_id, id, nums[place], kind, submission, execution, src_eid, dst_eid, receiver, payload,
		gas_limit, ordering_key, author, coalesce(author_nonce::numeric, nums[place]), deadline::numeric,
		signature, messenger, request_id, client_ref, recipient, method, key, fingerprint, request
	FROM (SELECT array_agg(nextval('message_num')) AS nums
		FROM generate_series(1, cardinality($1::bigint[]))) AS given,
	unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
		$7::bigint[], $8::bytea[], $9::bytea[], $10::bigint[], $11::bytea[], $12::bytea[],
		$13::text[], $14::text[], $15::bytea[], $16::bytea[], $17::bytea[], $18::text[],
		$19::bigint[], $20::text[], $21::bytea[], $22::bytea[], $23::text[], $24::bigint[])
		AS u (app_id, id, kind, submission, execution, src_eid, dst_eid, receiver, payload,
		gas_limit, ordering_key, author, author_nonce, deadline, signature, messenger, request_id,
		client_ref, method, key, fingerprint, request, recipient, place)
	ON CONFLICT DO NOTHING
	RETURNING app_id, id, num, src_eid, created_at
), e AS (
	INSERT INTO event (app_id, message_id, seq, type, to_state)
	SELECT app_id, id, 1, 'ACCEPTED', 'ACCEPTED' FROM m
), o AS (
	INSERT INTO outbox (app_id, id, eid, stage, num)
	SELECT app_id, id, src_eid, 1, num FROM m
)
SELECT id, created_at FROM m;

-- name: message_by_keys
-- Arrays: $1 app_id, $2 idempotency_method, $3 idempotency_key
SELECT k.n - 1 AS index, m.app_id, m.id, m.fingerprint, m.request
FROM unnest($1::bigint[], $2::bigint[], $3::text[]) WITH ORDINALITY AS k (app_id, method, key, n)
JOIN message m ON m.app_id = k.app_id AND m.idempotency_method = k.method AND m.idempotency_key = k.key;

-- name: message_read one plan
-- Arrays: $1 app_id, $2 id. Written so that a plan made while the tables are empty is the right one when they are large: only the
-- primary key gives the order without a sort, and OFFSET 0 allows no join but a look-up each. A test looks at the plan.
SELECT k.n - 1 AS index, m.app_id, m.id, m.version, m.state, m.kind, m.submission, m.execution,
	m.src_eid, m.dst_eid, m.receiver, m.payload, m.gas_limit, nullif(m.value, 0)::text AS value,
	m.ordering_key, m.signature IS NOT NULL AS is_signed, coalesce(m.author, m.submitter) AS author,
	m.request_id, m.client_ref, m.recipient, m.guid, nullif(m.former_guids, '{}') AS former_guids, m.nonce,
	m.src_tx, m.src_block, m.src_block_hash, m.src_final, m.dst_tx, m.dst_block, m.dst_block_hash,
	m.dst_final, m.verify_required, m.verify_have, nullif(m.fee, 0)::text AS fee, m.gas_used,
	m.reason, m.evidence, m.attempts, m.act, m.hold_reason, m.hold_by, m.hold_since, m.hold_until,
	m.created_at, m.updated_at, o.due_at, o.id IS NOT NULL AS is_open,
	o.signer IS NOT NULL AS is_carried
FROM unnest($1::bigint[], $2::uuid[]) WITH ORDINALITY AS k (app_id, id, n)
JOIN LATERAL (SELECT * FROM message WHERE (app_id, id) >= (k.app_id, k.id) ORDER BY app_id, id LIMIT 1) m
	ON m.app_id = k.app_id AND m.id = k.id
LEFT JOIN LATERAL (SELECT id, due_at, signer FROM outbox WHERE app_id = k.app_id AND id = k.id OFFSET 0) o ON true;

-- name: message_by_guids
-- $1 guids
SELECT k.n - 1 AS index, m.app_id, m.id, false AS is_former
FROM unnest($1::bytea[]) WITH ORDINALITY AS k (guid, n)
JOIN message m ON m.guid = k.guid
UNION ALL
SELECT k.n - 1, m.app_id, m.id, true
FROM unnest($1::bytea[]) WITH ORDINALITY AS k (guid, n)
JOIN message m ON m.former_guids <> '{}' AND m.former_guids @> ARRAY[k.guid];

-- name: message_scan
-- $1 app_id, $2 before id, $3 limit, $4 how many to look at, then filters or NULL: $5 state, $6 kind,
-- $7 src_eid, $8 dst_eid, $9 author, $10 receiver, $11 source_tx, $12 client_ref
WITH w AS MATERIALIZED (
	SELECT id, ($5::text IS NULL OR state = $5::text::message_state)
		AND ($6::bigint IS NULL OR kind = $6) AND ($7::bigint IS NULL OR src_eid = $7)
		AND ($8::bigint IS NULL OR dst_eid = $8)
		AND ($9::bytea IS NULL OR coalesce(author, submitter) = $9)
		AND ($10::bytea IS NULL OR receiver = $10) AND ($11::bytea IS NULL OR src_tx = $11)
		AND ($12::text IS NULL OR client_ref = $12) AS hit
	FROM message WHERE app_id = $1 AND id < $2 ORDER BY id DESC LIMIT $4
)
SELECT (SELECT array_agg(id) FROM (SELECT id FROM w WHERE hit ORDER BY id DESC LIMIT $3) h) AS ids,
	(SELECT id FROM w ORDER BY id LIMIT 1) AS last, (SELECT count(*) FROM w) AS scanned;

-- name: message_lock
-- $1 app_id, $2 id. Whoever changes a message locks it first, its outbox row after it.
SELECT id FROM message WHERE app_id = $1 AND id = $2 FOR NO KEY UPDATE;

-- name: message_cancel
-- $1 app_id, $2 id. What was broadcast once is public: somebody may send it still, so it cannot be called off.
WITH o AS (
	DELETE FROM outbox WHERE app_id = $1 AND id = $2 AND stage = 1 AND signer IS NULL
		AND NOT EXISTS (SELECT 1 FROM event WHERE app_id = $1 AND message_id = $2 AND to_state = 'SUBMITTED')
	RETURNING app_id, id
), m AS (
	UPDATE message m SET state = 'CANCELLED', version = m.version + 1, reason = 0, evidence = NULL,
		updated_at = now()
	FROM o WHERE m.app_id = o.app_id AND m.id = o.id AND m.state = 'ACCEPTED'
	RETURNING m.app_id, m.id, m.version
), e AS (
	INSERT INTO event (app_id, message_id, seq, type, from_state, to_state)
	SELECT app_id, id, version, 'CANCELLED', 'ACCEPTED', 'CANCELLED' FROM m
)
SELECT (SELECT count(*) FROM o) AS removed, (SELECT count(*) FROM m) AS moved;

-- name: message_ask
-- $1 app_id, $2 id, $3 states, $4 also while carried, $5 retry_gas or 0, $6 act or NULL, $7 type, $8 reason
WITH o AS (
	UPDATE outbox SET due_at = now()
	WHERE app_id = $1 AND id = $2 AND stage BETWEEN 4 AND 5 AND ($4::boolean OR signer IS NULL)
	RETURNING app_id, id
), m AS (
	UPDATE message m SET version = m.version + 1, updated_at = now(),
		reason = CASE WHEN m.state = 'COMMITTED' THEN 0 ELSE m.reason END, -- who waits for whom has changed
		retry_gas = coalesce(nullif($5::bigint, 0), m.retry_gas), act = coalesce($6, m.act),
		act_reason = CASE WHEN $6::text IS NULL THEN m.act_reason ELSE $8 END
	FROM o WHERE m.app_id = o.app_id AND m.id = o.id AND m.state = ANY ($3::text[]::message_state[])
	RETURNING m.app_id, m.id, m.version
), e AS (
	INSERT INTO event (app_id, message_id, seq, type, reason)
	SELECT app_id, id, version, $7, $8 FROM m
)
SELECT (SELECT count(*) FROM m) AS asked;

-- name: message_packet
-- $1 app_id, $2 id
SELECT packet FROM message WHERE app_id = $1 AND id = $2;

-- name: message_author_nonce
-- $1 src_eid, $2 messenger, $3 author, $4 at least (decimal). Also past what messages hold above it, densely.
WITH RECURSIVE wanted AS (
	SELECT greatest($4::text::numeric, coalesce((SELECT next_nonce FROM author_nonce
		WHERE src_eid = $1 AND messenger = $2 AND author = $3), 0)) AS nonce
), taken (nonce) AS (
	SELECT nonce FROM wanted
	UNION ALL
	SELECT t.nonce + 1 FROM taken t
	WHERE EXISTS (SELECT 1 FROM message WHERE src_eid = $1 AND messenger = $2 AND author = $3
		AND author_nonce = t.nonce AND signature IS NOT NULL)
)
INSERT INTO author_nonce AS a (src_eid, messenger, author, next_nonce)
SELECT $1, $2, $3, max(nonce) + 1 FROM taken
ON CONFLICT (src_eid, messenger, author)
DO UPDATE SET next_nonce = greatest(a.next_nonce + 1, excluded.next_nonce)
RETURNING (next_nonce - 1)::text AS nonce;
