-- name: outbox_due
-- $1 eid, $2 stage, $3 at most
SELECT v.* FROM (
	SELECT app_id, id, num FROM outbox
	WHERE eid = $1 AND stage = $2 AND due_at <= now() AND signer IS NULL
	ORDER BY eid, stage, num LIMIT $3) k
JOIN outbox_item v USING (app_id, id) ORDER BY k.num;

-- name: outbox_lock
-- $1 app_ids, $2 ids, in which one may stand twice
SELECT m.app_id, m.id FROM (SELECT DISTINCT * FROM unnest($1::bigint[], $2::uuid[])) k (app_id, id)
JOIN message m ON m.app_id = k.app_id AND m.id = k.id ORDER BY m.app_id, m.id FOR NO KEY UPDATE OF m;

-- name: outbox_names_by_keys
-- $1 request ids (of messages that may still be sent: strangers may use one as often as they like), $2 guids
SELECT m.app_id, m.id FROM message m
WHERE (m.request_id = ANY ($1::bytea[]) AND (m.app_id <> 0 OR m.kind = 4) AND m.state IN ('ACCEPTED', 'AWAITING_WALLET', 'SUBMITTED'))
	OR (m.guid IS NOT NULL AND m.guid = ANY ($2::bytea[]));

-- name: outbox_names_tracked
-- Those that still wait for their source transaction. $1 app_ids, $2 ids
SELECT o.app_id, o.id FROM unnest($1::bigint[], $2::uuid[]) k (app_id, id)
JOIN outbox o ON o.app_id = k.app_id AND o.id = k.id WHERE o.stage = 2;

-- name: outbox_lock_final
-- $1 eid, $2 stage, $3 block, $4 at most
SELECT m.app_id, m.id FROM (
	SELECT app_id, id FROM outbox WHERE eid = $1 AND stage = $2 AND block <= $3 ORDER BY num LIMIT $4) o
JOIN message m ON m.app_id = o.app_id AND m.id = o.id ORDER BY m.app_id, m.id FOR NO KEY UPDATE OF m;

-- name: outbox_lock_above
-- Messages that are not final and have an event on the chain above a block. $1 eid, $2 block
SELECT m.app_id, m.id FROM message m JOIN outbox o USING (app_id, id)
WHERE (m.src_eid = $1 OR m.dst_eid = $1) AND EXISTS (
	SELECT 1 FROM event e WHERE e.app_id = m.app_id AND e.message_id = m.id AND e.chain_eid = $1 AND e.block_number > $2)
ORDER BY m.app_id, m.id FOR NO KEY UPDATE OF m;

-- name: outbox_before
-- The state before the first move on the chain above a block that no earlier reorganisation took back: a REORGED event holds
-- the last block that stayed. $1 app_ids, $2 ids, $3 eid, $4 block
SELECT DISTINCT ON (e.app_id, e.message_id) e.app_id, e.message_id AS id, e.from_state AS before
FROM unnest($1::bigint[], $2::uuid[]) k (app_id, id)
JOIN event e ON e.app_id = k.app_id AND e.message_id = k.id
WHERE e.chain_eid = $3 AND e.block_number > $4 AND e.from_state IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM event r WHERE r.app_id = k.app_id AND r.message_id = k.id AND r.type = 'REORGED'
	AND r.chain_eid = $3 AND r.seq > e.seq AND r.block_number < e.block_number)
ORDER BY e.app_id, e.message_id, e.seq;

-- name: outbox_load
-- $1 app_ids, $2 ids
SELECT v.* FROM unnest($1::bigint[], $2::uuid[]) k (app_id, id)
JOIN outbox_item v ON v.app_id = k.app_id AND v.id = k.id ORDER BY v.app_id, v.id;

-- name: outbox_save_messages
-- Everything that can change of a message, arrays side by side. Columns that are not there yet are NULL.
UPDATE message m SET
	state = u.state::message_state, path = CASE WHEN u.path <> '' THEN string_to_array(u.path, ',')::message_state[] END,
	version = u.version + u.events,
	submitter = u.submitter, guid = u.guid, nonce = u.nonce, packet = u.packet,
	former_guids = CASE WHEN u.former IS NULL THEN m.former_guids ELSE array_append(m.former_guids, u.former) END,
	src_tx = u.src_tx, src_block = u.src_block, src_block_hash = u.src_hash, src_log_index = u.src_log, src_final = u.src_final,
	dst_tx = u.dst_tx, dst_block = u.dst_block, dst_block_hash = u.dst_hash, dst_log_index = u.dst_log, dst_final = u.dst_final,
	verify_required = u.required, verify_have = u.have,
	reason = u.reason, evidence = u.evidence, attempts = u.attempts, retry_gas = nullif(u.retry_gas, 0), act = u.act,
	fee = m.fee + coalesce(u.fee::numeric, 0), gas_used = m.gas_used + u.gas, updated_at = now()
FROM unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::bytea[], $8::bytea[], $9::bigint[],
	$10::bytea[], $11::bytea[], $12::bytea[], $13::bigint[], $14::bytea[], $15::bigint[], $16::boolean[],
	$17::bytea[], $18::bigint[], $19::bytea[], $20::bigint[], $21::boolean[], $22::bigint[], $23::bigint[],
	$24::bigint[], $25::text[], $26::bigint[], $27::bigint[], $28::text[], $29::text[], $30::bigint[])
	u (app_id, id, version, state, path, events, submitter, guid, nonce, packet, former, src_tx, src_block, src_hash, src_log, src_final,
	dst_tx, dst_block, dst_hash, dst_log, dst_final, required, have, reason, evidence, attempts, retry_gas, act, fee, gas)
WHERE m.app_id = u.app_id AND m.id = u.id AND m.version = u.version;

-- name: outbox_save_events
INSERT INTO event (app_id, message_id, seq, type, from_state, to_state, chain_eid, tx_hash, block_number, block_hash, log_index, gas_used, fee, attempt, reason)
SELECT u.app_id, u.id, u.seq, u.type, u.f::message_state, u.t::message_state, nullif(u.eid, 0), u.tx, CASE WHEN u.hash IS NOT NULL THEN u.block END, u.hash,
	CASE WHEN u.hash IS NOT NULL THEN u.log END, nullif(u.gas, 0), u.fee::numeric, nullif(u.attempt, 0), u.reason
FROM unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bytea[], $9::bigint[], $10::bytea[],
	$11::bigint[], $12::bigint[], $13::text[], $14::bigint[], $15::text[])
	u (app_id, id, seq, type, f, t, eid, tx, block, hash, log, gas, fee, attempt, reason);

-- name: outbox_save_rows
UPDATE outbox o SET eid = u.eid, stage = u.stage, num = u.num, block = nullif(u.block, 0),
	due_at = CASE WHEN u.due = 0 THEN '-infinity'::timestamptz WHEN u.due = 9223372036854775807 THEN 'infinity'::timestamptz
		ELSE to_timestamp(u.due / 1000000.0) END,
	signer = u.signer, tx_nonce = CASE WHEN u.signer IS NOT NULL THEN u.tx_nonce END, skip = u.skip,
	tries = u.tries
FROM unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bytea[], $9::bigint[], $10::bigint[], $11::bigint[])
	u (app_id, id, eid, stage, num, block, due, signer, tx_nonce, skip, tries)
WHERE o.app_id = u.app_id AND o.id = u.id;

-- name: outbox_renumber
-- $1 app_id, $2 id
UPDATE message SET num = nextval('message_num'), author_nonce = currval('message_num')
WHERE app_id = $1 AND id = $2 AND signature IS NULL RETURNING num, author_nonce::text AS author_nonce;

-- name: outbox_finish
-- $1 app_ids, $2 ids
DELETE FROM outbox o USING unnest($1::bigint[], $2::uuid[]) u (app_id, id) WHERE o.app_id = u.app_id AND o.id = u.id;

-- name: outbox_observe
-- A packet of somebody else, for tenant 0. No row: the packet is known. Another packet with its guid is another message: the
-- first one's block is gone.
WITH made AS (
	INSERT INTO message (app_id, id, state, kind, submission, execution, src_eid, dst_eid, receiver, payload, gas_limit, value, ordering_key,
		author, author_nonce, messenger, request_id, idempotency_method, idempotency_key, fingerprint, request,
		guid, nonce, packet, src_tx, src_block, src_block_hash, src_log_index, verify_required)
	SELECT 0, $1::uuid, 'SENT', 5, 1, 1, $2, $3, $4, $5, $6, $7::text::numeric, $8, $9, 0, $10, $11, 0, encode($12::bytea, 'hex') || ':' || $1::uuid, $11, '',
		$12, $13, $14, $15, $16, $17, $18, $19
	WHERE NOT EXISTS (SELECT 1 FROM message WHERE guid = $12::bytea AND packet = $14::bytea)
	ON CONFLICT DO NOTHING RETURNING app_id, id),
logged AS (
	INSERT INTO event (app_id, message_id, seq, type, to_state, chain_eid, tx_hash, block_number, block_hash, log_index)
	SELECT app_id, id, 1, 'SENT', 'SENT', $2, $15, $16, $17, $18 FROM made)
INSERT INTO outbox (app_id, id, eid, stage, num, block) SELECT app_id, id, $2, 3, $13, $16 FROM made;
