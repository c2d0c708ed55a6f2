-- name: journal_lane_seed
-- $1 eid, $2 signer, $3 role, $4 first nonce
INSERT INTO lane (eid, signer, role, next_nonce) VALUES ($1, $2, $3, $4) ON CONFLICT (eid, signer) DO NOTHING;

-- name: journal_lane_read
SELECT next_nonce, halted FROM lane WHERE eid = $1 AND signer = $2;

-- name: journal_lane_halt
-- $1 eid, $2 signer, $3 reason, $4 detail
UPDATE lane SET halted = $3, detail = $4, since = CASE WHEN halted = $3 THEN since ELSE now() END
WHERE eid = $1 AND signer = $2 AND (halted <> $3 OR detail IS DISTINCT FROM $4);

-- name: journal_lane_advance
-- $1 eid, $2 signer, $3 nonce expected, $4 next nonce
UPDATE lane SET next_nonce = $4 WHERE eid = $1 AND signer = $2 AND next_nonce = $3 AND halted = 0;

-- name: journal_insert
-- $1 eid, $2 signer, $3 nonce, $4 purpose, $5 to, $6 calldata, $7 value, $8 gas limit, $9 app_ids, $10 ids,
-- $11 raw, $12 hash, $13 max fee, $14 tip
WITH j AS (
	INSERT INTO journal (eid, signer, nonce, state, purpose, to_address, calldata, value, gas_limit, items_app, items_id)
	VALUES ($1, $2, $3, 'SIGNED', $4, $5, $6, $7::text::numeric, $8, $9, $10))
INSERT INTO journal_tx (eid, hash, signer, nonce, attempt, raw, max_fee, tip)
VALUES ($1, $12, $2, $3, 0, $11, $13::text::numeric, $14::text::numeric);

-- name: journal_bump
-- $1 eid, $2 signer, $3 nonce, $4 raw, $5 hash, $6 max fee, $7 tip
INSERT INTO journal_tx (eid, hash, signer, nonce, attempt, raw, max_fee, tip)
SELECT $1, $5, $2, $3, max(attempt) + 1, $4, $6::text::numeric, $7::text::numeric FROM journal_tx
WHERE eid = $1 AND signer = $2 AND nonce = $3;

-- name: journal_hollow
-- Verifications and deliveries that no block has yet, of a packet that its source took back: emptied. $1 eid, $2 signer
UPDATE journal j SET to_address = signer, calldata = '', value = 0
WHERE eid = $1 AND signer = $2 AND state IN ('SIGNED', 'BROADCAST') AND purpose IN ('VERIFY', 'DELIVER') AND calldata <> ''
  AND EXISTS (SELECT 1 FROM unnest(j.items_app, j.items_id) k (app_id, id)
	LEFT JOIN outbox o ON o.app_id = k.app_id AND o.id = k.id WHERE o.id IS NULL OR o.stage < 4)
RETURNING nonce;

-- name: journal_broadcast
-- $1 eid, $2 signer, $3 nonces
UPDATE journal SET state = 'BROADCAST', broadcast_at = coalesce(broadcast_at, now())
WHERE eid = $1 AND signer = $2 AND nonce = ANY ($3::bigint[]) AND state = 'SIGNED';

-- name: journal_unmined
-- Those that were never broadcast, or are older than a while. $1 eid, $2 signer, $3 at most, $4 ms
SELECT j.nonce, j.state = 'BROADCAST' AS was_broadcast, j.purpose, j.to_address, j.calldata, j.value::text AS value, j.gas_limit, j.items_app, j.items_id,
	t.attempt, t.raw, t.hash, t.max_fee::text AS max_fee, t.tip::text AS tip,
	(extract(epoch FROM now() - t.signed_at) * 1000)::bigint AS age_ms
FROM journal j
CROSS JOIN LATERAL (SELECT * FROM journal_tx x WHERE x.eid = j.eid AND x.signer = j.signer AND x.nonce = j.nonce
	ORDER BY attempt DESC LIMIT 1) t
WHERE j.eid = $1 AND j.signer = $2 AND j.state IN ('RESERVED', 'SIGNED', 'BROADCAST')
  AND (j.state <> 'BROADCAST' OR t.signed_at < now() - make_interval(secs => $4::bigint / 1000.0))
ORDER BY j.nonce LIMIT $3;

-- name: journal_unmined_count
SELECT count(*) AS n FROM journal WHERE eid = $1 AND signer = $2 AND state IN ('RESERVED', 'SIGNED', 'BROADCAST');

-- name: journal_mine
-- $1 eid, $2 hashes, $3 blocks, $4 block hashes, $5 succeeded, $6 gas used, $7 fees
UPDATE journal j SET state = 'MINED', tx_hash = u.hash, block_number = u.block, block_hash = u.block_hash,
	succeeded = u.ok, gas_used = u.gas, fee = u.fee::numeric
FROM unnest($2::bytea[], $3::bigint[], $4::bytea[], $5::boolean[], $6::bigint[], $7::text[]) u (hash, block, block_hash, ok, gas, fee)
JOIN journal_tx t ON t.eid = $1 AND t.hash = u.hash
WHERE j.eid = t.eid AND j.signer = t.signer AND j.nonce = t.nonce AND j.state <> 'FINAL'
RETURNING u.hash AS tx_hash, j.signer, j.nonce, t.attempt, j.purpose, j.value::text AS value, j.items_app, j.items_id;

-- name: journal_finalize
-- $1 eid, $2 block
UPDATE journal SET state = 'FINAL' WHERE eid = $1 AND state = 'MINED' AND block_number <= $2
RETURNING tx_hash, signer, nonce, 0::bigint AS attempt, purpose, value::text AS value, items_app, items_id;

-- name: journal_unmine
-- $1 eid, $2 block
UPDATE journal SET state = 'SIGNED', tx_hash = NULL, block_number = NULL, block_hash = NULL, succeeded = NULL, gas_used = NULL, fee = NULL
WHERE eid = $1 AND state IN ('MINED', 'FINAL') AND block_number > $2;

-- name: journal_replace
-- $1 eid, $2 signer, $3 below
UPDATE journal SET state = 'REPLACED' WHERE eid = $1 AND signer = $2 AND nonce < $3 AND state IN ('SIGNED', 'BROADCAST')
RETURNING NULL::bytea AS tx_hash, signer, nonce, 0::bigint AS attempt, purpose, value::text AS value, items_app, items_id;

-- name: journal_adopt
-- $1 eid, $2 signer, $3 next nonce
UPDATE lane SET next_nonce = greatest(next_nonce, $3), halted = 0, detail = NULL, since = now() WHERE eid = $1 AND signer = $2;

-- name: journal_skip_numbers
-- The lost part gave numbers, and so bitmap nonces, that are not known: far past them.
SELECT setval('message_num', nextval('message_num') + 1000000) AS number;

-- name: journal_spend
-- $1 app_ids, $2 wei
INSERT INTO app_spend (app_id, day, wei)
SELECT app_id, current_date, sum(wei::numeric) FROM unnest($1::bigint[], $2::text[]) u (app_id, wei) GROUP BY app_id ORDER BY app_id
ON CONFLICT (app_id, day) DO UPDATE SET wei = app_spend.wei + EXCLUDED.wei;

-- name: journal_overspent
-- $1 ceiling
SELECT app_id FROM app_spend WHERE day = current_date AND wei >= $1::text::numeric;

-- name: journal_by_tx
-- Which nonces these transactions are of. $1 eid, $2 hashes
SELECT t.hash AS tx_hash, t.signer, t.nonce FROM journal_tx t WHERE t.eid = $1 AND t.hash = ANY ($2::bytea[]);

-- name: journal_lanes
SELECT eid, signer, role, next_nonce, halted FROM lane ORDER BY eid, signer;

-- name: journal_fill
-- Rows for nonces that a lost part of the journal had given. $1 eid, $2 signer, $3 first, $4 after the last
INSERT INTO journal (eid, signer, nonce, state, purpose, to_address, calldata, value, gas_limit, items_app, items_id)
SELECT $1, $2, n, 'FINAL', 'FILL', $2, '', 0, 0, '{}', '{}' FROM generate_series($3::bigint, $4::bigint - 1) n
ON CONFLICT DO NOTHING;
