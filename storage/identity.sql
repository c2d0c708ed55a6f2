-- SPDX-License-Identifier: Apache-2.0

-- name: identity_offer_insert
-- $1 app_id, $2 id, $3 body, $4 seconds it holds. A few that were never used go with it.
WITH old AS (
	DELETE FROM identity_quote WHERE (app_id, id) IN (
		SELECT app_id, id FROM identity_quote
		WHERE operation_id IS NULL AND expire_at < now() - interval '1 day'
		ORDER BY expire_at LIMIT 4 FOR UPDATE SKIP LOCKED)
)
INSERT INTO identity_quote (app_id, id, body, expire_at) VALUES ($1, $2, $3, now() + make_interval(secs => $4::bigint))
RETURNING expire_at;

-- name: identity_offers
-- Arrays: $1 app_id, $2 id
SELECT k.n - 1 AS index, q.body, q.expire_at <= now() AS expired, q.operation_id, q.fingerprint, o.identity_id
FROM unnest($1::bigint[], $2::uuid[]) WITH ORDINALITY AS k (app_id, id, n)
JOIN identity_quote q ON q.app_id = k.app_id AND q.id = k.id
LEFT JOIN operation o ON o.app_id = q.app_id AND o.id = q.operation_id;

-- name: identity_accept
-- Arrays, one member an operation: $1 app_id, $2 quote, $3 fingerprint, $4 id, $5 identity_id, $6 the operation it was
-- prepared on (register: any), $7 kind, $8 version, $9 src_eid, $10 dst_eid, $11 registry, $12 eager, $13 owner,
-- $14 account, $15 recovery, $16 data_hash, $17 deadline, $18 signature, $19 consent, $20 leaf_owner,
-- $21 document_hash, $22 encryption_key, $23 accounts, a line each, $24 subject, $25 home_chain_id, $26 first_owner,
-- $27 salt, $28 chain_id and $29 address of the account that proved itself.
-- Left out: a quote that is used or has expired, a version that is taken, an identity that has moved on.
WITH item AS MATERIALIZED (
	SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::bytea[], $4::uuid[], $5::uuid[], $6::uuid[], $7::bigint[],
		$8::bigint[], $9::bigint[], $10::bigint[], $11::bytea[], $12::boolean[], $13::bytea[], $14::bytea[],
		$15::bytea[], $16::bytea[], $17::bigint[], $18::bytea[], $19::bytea[], $20::bytea[], $21::bytea[],
		$22::bytea[], $23::text[], $24::bytea[], $25::bigint[], $26::bytea[], $27::bytea[], $28::bigint[],
		$29::bytea[]) WITH ORDINALITY AS u (app_id, quote, fingerprint, id, identity_id, base, kind, version,
		src_eid, dst_eid, registry, eager, owner, account, recovery, data_hash, deadline, signature, consent,
		leaf_owner, document_hash, encryption_key, accounts, subject, home_chain_id, first_owner, salt,
		proven_chain_id, proven, place)
), locked AS MATERIALIZED (
	SELECT i.* FROM identity_quote q JOIN item i ON q.app_id = i.app_id AND q.id = i.quote
	WHERE q.operation_id IS NULL AND q.expire_at > now()
	ORDER BY q.app_id, q.id FOR NO KEY UPDATE OF q
), ready AS MATERIALIZED (
	SELECT l.* FROM locked l
	WHERE l.kind = 1 OR (EXISTS (SELECT FROM operation b WHERE b.app_id = l.app_id AND b.id = l.base
			AND b.state NOT IN ('REJECTED', 'FAILED', 'EXPIRED'))
		AND NOT EXISTS (SELECT FROM operation b WHERE b.app_id = l.app_id AND b.identity_id = l.identity_id
			AND b.version >= l.version AND b.state NOT IN ('REJECTED', 'FAILED', 'EXPIRED')))
), made AS (
	INSERT INTO identity (app_id, id, subject, home_eid, home_chain_id, first_owner, salt)
	SELECT app_id, identity_id, subject, src_eid, home_chain_id, first_owner, salt FROM ready WHERE kind = 1
	ORDER BY app_id, identity_id
	ON CONFLICT DO NOTHING
	RETURNING app_id, id
), o AS (
	INSERT INTO operation (app_id, id, identity_id, kind, version, src_eid, dst_eid, registry, eager, owner, account,
		recovery, data_hash, deadline, signature, consent, leaf_owner, document_hash, encryption_key, accounts)
	SELECT app_id, id, identity_id, kind, version, src_eid, dst_eid, registry, eager, owner, account, recovery,
		data_hash, deadline, signature, consent, leaf_owner, document_hash, encryption_key,
		string_to_array(accounts, chr(10))
	FROM ready r WHERE kind <> 1 OR EXISTS (SELECT FROM made m WHERE m.app_id = r.app_id AND m.id = r.identity_id)
	ORDER BY place
	ON CONFLICT DO NOTHING
	RETURNING app_id, id
), logged AS (
	INSERT INTO event (app_id, message_id, seq, type) SELECT app_id, id, 1, 'ACCEPTED' FROM o
), found_by AS (
	INSERT INTO identity_account (app_id, chain_id, address, identity_id, operation_id)
	SELECT r.app_id, r.proven_chain_id, r.proven, r.identity_id, r.id FROM o JOIN ready r ON r.app_id = o.app_id AND r.id = o.id
	WHERE r.proven IS NOT NULL ORDER BY 1, 2, 3, 4
	ON CONFLICT DO NOTHING
), used AS (
	UPDATE identity_quote q SET operation_id = r.id, fingerprint = r.fingerprint
	FROM o JOIN ready r ON r.app_id = o.app_id AND r.id = o.id WHERE q.app_id = r.app_id AND q.id = r.quote
)
SELECT id FROM o;

-- name: identity_read
-- Arrays: $1 app_id, $2 id; $3 how many of the newest operations. Also the newest that was not refused (is_head), the
-- newest final one, and a row for each, in the order of acceptance. recovery_now: of the newest that names one.
SELECT k.n - 1 AS index, i.app_id, i.id AS identity_id, i.subject, i.home_eid, i.home_chain_id, i.first_owner, i.salt,
	i.created_at AS made_at, o.*
FROM unnest($1::bigint[], $2::uuid[]) WITH ORDINALITY AS k (app_id, id, n)
JOIN identity i ON i.app_id = k.app_id AND i.id = k.id
CROSS JOIN LATERAL (
	SELECT w.*, row_number() OVER (ORDER BY w.num DESC) AS age,
		w.live AND w.version = max(w.version) FILTER (WHERE w.live) OVER () AS is_head,
		w.state = 'FINAL' AND w.version = max(w.version) FILTER (WHERE w.state = 'FINAL') OVER () AS is_final,
		w.live AND w.kind <= 2 AND w.version = max(w.version) FILTER (WHERE w.live AND w.kind <= 2) OVER () AS is_recovery,
		(sum(w.seq) OVER ())::bigint AS seqs, bool_or(w.open) OVER () AS any_open,
		max(w.updated_at) OVER () AS changed_at
	FROM (SELECT p.id, p.num, p.kind, p.state, p.seq, p.version, p.src_eid, p.dst_eid, p.registry, p.eager, p.owner,
			p.account, p.recovery, p.data_hash, p.deadline, p.leaf_owner, p.document_hash, p.encryption_key,
			array_to_string(p.accounts, chr(10)) AS accounts, p.message_id, p.leaf_index, p.reason, p.due_at,
			p.created_at, p.updated_at, p.state NOT IN ('REJECTED', 'FAILED', 'EXPIRED') AS live,
			p.state NOT IN ('REJECTED', 'FAILED', 'EXPIRED', 'FINAL') AS open
		FROM operation p WHERE p.app_id = k.app_id AND p.identity_id = k.id) w
) o
WHERE o.age <= $3 OR o.is_head OR o.is_final OR o.is_recovery
ORDER BY k.n, o.num;

-- name: identity_find
-- $1 app_id, $2 chain_id, $3 address: the newest that the account proved to belong to.
SELECT identity_id FROM identity_account WHERE app_id = $1 AND chain_id = $2 AND address = $3
ORDER BY identity_id DESC LIMIT 1;

-- name: identity_keys
-- Arrays: $1 app_id, $2 id, or $3 subject, or $4 chain_id and $5 address of an account that finds it, else NULL, $6 key id.
SELECT k.n - 1 AS index, o.revoked, o.final_key, o.final_version, o.version
FROM unnest($1::bigint[], $2::uuid[], $3::bytea[], $4::bigint[], $5::bytea[], $6::bytea[])
	WITH ORDINALITY AS k (app_id, id, subject, chain_id, address, key_id, n)
JOIN identity i ON i.app_id = k.app_id AND i.id = CASE
	WHEN k.subject IS NOT NULL THEN (SELECT s.id FROM identity s WHERE s.app_id = k.app_id AND s.subject = k.subject)
	WHEN k.address IS NOT NULL THEN (
		SELECT a.identity_id FROM identity_account a
		WHERE a.app_id = k.app_id AND a.chain_id = k.chain_id AND a.address = k.address
		ORDER BY a.identity_id DESC LIMIT 1)
	ELSE k.id END
CROSS JOIN LATERAL (
	SELECT coalesce(bool_or(p.kind = 5), false) AS revoked,
		(array_agg(p.encryption_key ORDER BY p.version DESC) FILTER (WHERE p.state = 'FINAL'))[1] AS final_key,
		max(p.version) FILTER (WHERE p.state = 'FINAL') AS final_version,
		max(p.version) FILTER (WHERE substring(sha256(p.encryption_key) FROM 1 FOR 8) = k.key_id) AS version
	FROM operation p WHERE p.app_id = k.app_id AND p.identity_id = i.id AND p.state NOT IN ('REJECTED', 'FAILED', 'EXPIRED')
) o;

-- name: identity_scan
-- $1 app_id, $2 before id, $3 limit, $4 chain_id and $5 address, or NULL
SELECT id FROM identity i WHERE app_id = $1 AND id < $2
	AND ($5::bytea IS NULL OR EXISTS (SELECT FROM identity_account a WHERE a.app_id = $1 AND a.chain_id = $4::bigint
		AND a.address = $5 AND a.identity_id = i.id))
ORDER BY id DESC LIMIT $3;

-- name: identity_of_operation
-- $1 app_id, $2 operation
SELECT identity_id FROM operation WHERE app_id = $1 AND id = $2;

-- name: identity_lot
-- $1 message_id: a batch as the source chain shows it.
SELECT src_eid, dst_eid, number, prev_root, root, count FROM batch WHERE message_id = $1;

-- name: identity_leaves
-- $1 message_id
SELECT index, subject, owner, data_hash, version FROM batch_leaf WHERE message_id = $1 ORDER BY index;

-- name: identity_lot_members
-- $1 message_id, $2 app_id: the app's own operations in it.
SELECT o.id, o.place, o.leaf_index, i.subject, o.leaf_owner, o.data_hash, o.version
FROM operation o JOIN identity i ON i.app_id = o.app_id AND i.id = o.identity_id
WHERE o.message_id = $1 AND o.app_id = $2 ORDER BY o.num;

-- name: identity_events
-- $1 app_id, $2 identity_id, $3 after xid, $4 after id, $5 limit. Below what is still being written, as feeds are.
SELECT e.app_id, e.message_id, e.seq, e.id, e.xid, e.type, e.from_state, e.to_state, e.at, e.chain_eid, e.tx_hash,
	e.block_number, e.block_hash, e.log_index, e.gas_used, e.fee::text AS fee, e.attempt, e.reason, o.identity_id
FROM operation o JOIN event e ON e.app_id = o.app_id AND e.message_id = o.id
WHERE o.app_id = $1 AND o.identity_id = $2 AND (e.xid, e.id) > ($3::bigint::text::xid8, $4::bigint)
	AND e.xid < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY e.xid, e.id LIMIT $5;

-- name: identity_progress
-- $1 app_id, $2 identity_id, $3 after xid, $4 after id: has it ended, and was all of it told?
SELECT sum(o.seq)::bigint AS seqs, bool_or(o.state NOT IN ('REJECTED', 'FAILED', 'EXPIRED', 'FINAL')) AS open,
	NOT EXISTS (SELECT FROM operation p JOIN event e ON e.app_id = p.app_id AND e.message_id = p.id
		WHERE p.app_id = $1 AND p.identity_id = $2 AND (e.xid, e.id) > ($3::bigint::text::xid8, $4::bigint)) AS told
FROM operation o WHERE o.app_id = $1 AND o.identity_id = $2 HAVING count(*) > 0;
