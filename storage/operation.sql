-- SPDX-License-Identifier: Apache-2.0

-- name: operation_waiting
-- $1 src_eid, $2 ceiling, $3 at most
SELECT o.app_id, o.id, o.num, o.kind, o.version, o.dst_eid, o.eager, i.home_chain_id, i.first_owner, i.salt, o.owner, o.account, o.recovery,
	o.data_hash, o.deadline, o.signature, o.consent, o.attempts, (extract(epoch FROM now() - o.created_at) * 1000)::bigint AS age_ms,
	EXISTS (SELECT 1 FROM operation e WHERE e.app_id = o.app_id AND e.identity_id = o.identity_id AND e.version < o.version
		AND e.state IN ('ACCEPTED', 'BATCHED', 'SUBMITTED')) AS has_earlier
FROM operation o JOIN identity i ON i.app_id = o.app_id AND i.id = o.identity_id
WHERE o.src_eid = $1 AND o.state = 'ACCEPTED' AND o.message_id IS NULL AND o.due_at <= now()
	AND NOT EXISTS (SELECT 1 FROM app_spend s WHERE s.app_id = o.app_id AND s.day = current_date AND s.wei >= $2::text::numeric)
ORDER BY o.num LIMIT $3;

-- name: operation_set_aside
-- Arrays: $1 app_ids, $2 ids, $3 states ('': none), $4 reasons, $5 wait_ms
WITH u AS (
	SELECT o.app_id, o.id, u.state, u.reason, u.wait FROM unnest($1::bigint[], $2::uuid[], $3::text[], $4::text[], $5::bigint[])
		u (app_id, id, state, reason, wait)
	JOIN operation o ON o.app_id = u.app_id AND o.id = u.id WHERE o.state = 'ACCEPTED' AND o.message_id IS NULL
	ORDER BY o.app_id, o.id FOR NO KEY UPDATE OF o
), moved AS (
	UPDATE operation o SET attempts = o.attempts + 1, reason = u.reason, updated_at = now(),
		due_at = now() + u.wait * interval '1 ms',
		state = CASE WHEN u.state = '' THEN o.state ELSE u.state::operation_state END,
		seq = o.seq + (u.state <> '')::integer
	FROM u WHERE o.app_id = u.app_id AND o.id = u.id RETURNING o.app_id, o.id, o.seq, o.state, o.reason
)
INSERT INTO event (app_id, message_id, seq, type, reason)
SELECT app_id, id, seq, state::text, reason FROM moved WHERE state <> 'ACCEPTED';

-- name: operation_message
-- A message of tenant 0 that calls a registry. $1 id, $2 src_eid, $3 dst_eid, $4 registry, $5 receiver, $6 calldata, $7 source gas,
-- $8 gas limit, $9 request id
WITH m AS (
	INSERT INTO message (app_id, id, kind, submission, execution, src_eid, dst_eid, receiver, payload, gas_limit, author_nonce,
		messenger, request_id, idempotency_method, idempotency_key, fingerprint, request, source_gas)
	SELECT 0, $1::uuid, 4, 1, 1, $2, $3, $5, $6, $8, 0, $4, $9, 0, encode($9::bytea, 'hex'), $9, '', $7
	RETURNING app_id, id, num, src_eid
), e AS (
	INSERT INTO event (app_id, message_id, seq, type, to_state) SELECT app_id, id, 1, 'ACCEPTED', 'ACCEPTED' FROM m
)
INSERT INTO outbox (app_id, id, eid, stage, num) SELECT app_id, id, src_eid, 1, num FROM m;

-- name: operation_join
-- $1 message id; arrays: $2 app_ids, $3 ids
UPDATE operation o SET message_id = $1::uuid, place = u.n - 1
FROM unnest($2::bigint[], $3::uuid[]) WITH ORDINALITY u (app_id, id, n)
WHERE o.app_id = u.app_id AND o.id = u.id AND o.state = 'ACCEPTED' AND o.message_id IS NULL RETURNING o.id;

-- name: operation_sync
-- $1 message id
SELECT operation_sync($1::uuid);

-- name: operation_is_batching
-- $1 src_eid
SELECT EXISTS (SELECT 1 FROM outbox o JOIN message m ON m.app_id = o.app_id AND m.id = o.id
	WHERE o.app_id = 0 AND o.eid = $1 AND o.stage = 1 AND m.kind = 4) AS yes;

-- name: operation_batch_insert
-- $1 guid, $2 tx hash, $3 number, $4 previous root, $5 root, $6 count. One row: the message, when it is known.
WITH m AS (SELECT id, src_eid, dst_eid FROM message WHERE app_id = 0 AND guid = $1 AND src_tx = $2 LIMIT 1),
made AS (
	INSERT INTO batch (message_id, src_eid, dst_eid, number, prev_root, root, count)
	SELECT id, src_eid, dst_eid, $3, $4, $5, $6 FROM m ON CONFLICT (message_id) DO NOTHING)
SELECT id FROM m;

-- name: operation_leaves
-- $1 message id; arrays: $2 subjects, $3 owners, $4 data hashes, $5 versions
INSERT INTO batch_leaf (message_id, index, subject, owner, data_hash, version)
SELECT $1::uuid, u.n - 1, u.subject, u.owner, u.data_hash, u.version
FROM unnest($2::bytea[], $3::bytea[], $4::bytea[], $5::bigint[]) WITH ORDINALITY u (subject, owner, data_hash, version, n)
ON CONFLICT DO NOTHING;

-- name: operation_adopt
-- What stands in the batch's tree belongs to it, also when another batch meant to carry it. $1 message id
WITH leaf AS MATERIALIZED (
	SELECT o.app_id, o.id, l.index FROM batch_leaf l
	JOIN identity i ON i.subject = l.subject
	JOIN operation o ON o.app_id = i.app_id AND o.identity_id = i.id AND o.version = l.version AND o.data_hash = l.data_hash
		AND o.leaf_owner = l.owner
	WHERE l.message_id = $1 AND o.state NOT IN ('FINAL', 'REJECTED', 'FAILED', 'EXPIRED') AND o.leaf_index IS NULL
	ORDER BY o.app_id, o.id FOR NO KEY UPDATE OF o
)
UPDATE operation o SET message_id = $1, leaf_index = leaf.index, skip = NULL FROM leaf WHERE o.app_id = leaf.app_id AND o.id = leaf.id;

-- name: operation_skipped
-- $1 request id, $2 place, $3 why
UPDATE operation o SET skip = $3 FROM message m
WHERE m.request_id = $1 AND m.app_id = 0 AND m.kind = 4 AND o.message_id = m.id AND o.place = $2 AND o.leaf_index IS NULL;

-- name: operation_batch_accepted
-- $1 src_eid, $2 number; arrays: $3 indices, $4 reasons
WITH b AS (
	UPDATE batch SET rejected = cardinality($3::bigint[]) WHERE src_eid = $1 AND number = $2 RETURNING message_id
)
UPDATE operation o SET rejected = r.reason FROM b, LATERAL (
	SELECT m.app_id, m.id, u.reason FROM operation m LEFT JOIN unnest($3::bigint[], $4::bigint[]) u (index, reason) ON u.index = m.leaf_index
	WHERE m.message_id = b.message_id AND m.state NOT IN ('FINAL', 'REJECTED', 'FAILED', 'EXPIRED')) r
WHERE o.app_id = r.app_id AND o.id = r.id AND o.rejected IS DISTINCT FROM r.reason;

-- name: operation_unanswered
-- $1 src_eid, $2 at most. The unbroken row of batches from the first that has no answer.
WITH first AS (
	SELECT min(number) AS number FROM batch WHERE src_eid = $1 AND answer_id IS NULL
), due AS (
	SELECT b.number, coalesce(b.rejected, 0) AS rejected, row_number() OVER (ORDER BY b.number) AS n
	FROM batch b JOIN message m ON m.app_id = 0 AND m.id = b.message_id, first
	WHERE b.src_eid = $1 AND b.number >= first.number AND b.answer_id IS NULL AND m.state = 'DELIVERED' AND m.dst_final
	ORDER BY b.number LIMIT $2
)
SELECT coalesce(max(due.number), 0) AS up_to, count(*) AS count, coalesce(sum(due.rejected), 0)::bigint AS rejected
FROM due, first WHERE due.number = first.number + due.n - 1
	AND NOT EXISTS (SELECT 1 FROM batch p JOIN message a ON a.app_id = 0 AND a.id = p.answer_id
		WHERE p.src_eid = $1 AND a.state IN ('ACCEPTED', 'SUBMITTED', 'SENT'));

-- name: operation_answered
-- $1 src_eid, $2 up to, $3 message id
UPDATE batch SET answer_id = $3::uuid WHERE src_eid = $1 AND number <= $2 AND answer_id IS NULL;
