-- name: cursor_read
SELECT number, hash, coalesce(extract(epoch FROM block_time)::bigint, 0) AS time_s FROM chain_cursor WHERE eid = $1;

-- name: cursor_blocks
-- $1 eid, $2 numbers, $3 hashes, $4 times (s). What was attested from a block that comes back stands again.
WITH back AS (
	UPDATE attestation a SET dropped = false FROM unnest($2::bigint[], $3::bytea[]) u (number, hash)
	WHERE a.src_eid = $1 AND a.dropped AND a.retracted_at IS NULL AND a.src_block = u.number AND a.src_block_hash = u.hash
)
INSERT INTO chain_block (eid, number, hash, time_s)
SELECT $1, u.number, u.hash, u.time_s FROM unnest($2::bigint[], $3::bytea[], $4::bigint[]) u (number, hash, time_s)
ON CONFLICT (eid, number) DO UPDATE SET hash = EXCLUDED.hash, time_s = EXCLUDED.time_s;

-- name: cursor_move
-- $1 eid, $2 number, $3 hash, $4 head, $5 block time (s)
INSERT INTO chain_cursor (eid, number, hash, head, block_time) VALUES ($1, $2, $3, $4, to_timestamp($5::bigint))
ON CONFLICT (eid) DO UPDATE SET number = EXCLUDED.number, hash = EXCLUDED.hash, head = EXCLUDED.head,
	block_time = EXCLUDED.block_time, updated_at = now(), problem = 0, detail = NULL;

-- name: cursor_prune
-- $1 eid, $2 below
DELETE FROM chain_block WHERE eid = $1 AND number < $2;

-- name: cursor_block_hash
SELECT hash FROM chain_block WHERE eid = $1 AND number = $2;

-- name: cursor_block_time
SELECT time_s FROM chain_block WHERE eid = $1 AND number = $2;

-- name: cursor_forget
-- $1 eid, $2 above. What was attested from them is to be taken back, unless they come again.
WITH gone AS (
	UPDATE attestation SET dropped = true WHERE src_eid = $1 AND src_block > $2 AND retracted_at IS NULL
)
DELETE FROM chain_block WHERE eid = $1 AND number > $2;

-- name: cursor_rewind
-- $1 eid, $2 number, $3 hash
UPDATE chain_cursor SET number = $2, hash = $3, updated_at = now() WHERE eid = $1;

-- name: cursor_problem
-- $1 eid, $2 reason, $3 detail
UPDATE chain_cursor SET problem = $2, detail = $3 WHERE eid = $1 AND (problem <> $2 OR detail IS DISTINCT FROM $3);
