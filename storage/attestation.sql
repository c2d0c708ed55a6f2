-- name: attestation_record
-- Arrays side by side: $1 dst_eid, $2 src_eid, $3 sender, $4 receiver, $5 nonce, $6 payload hash, $7 guid, $8 block, $9 block hash.
-- A place that is free, or was taken back, is taken now. Of the source only the newest blocks are kept (CURSOR_BLOCKS_KEPT): no
-- reorganisation reaches below them, so a message that is still there for an older one is what its chain shows.
INSERT INTO attestation AS t (dst_eid, src_eid, sender, receiver, nonce, payload_hash, guid, src_block, src_block_hash)
SELECT u.* FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bytea[], $5::bigint[], $6::bytea[], $7::bytea[], $8::bigint[], $9::bytea[])
	u (dst_eid, src_eid, sender, receiver, nonce, payload_hash, guid, src_block, src_block_hash)
JOIN chain_cursor c ON c.eid = u.src_eid LEFT JOIN chain_block b ON b.eid = u.src_eid AND b.number = u.src_block
WHERE (b.hash = u.src_block_hash OR (b.hash IS NULL AND u.src_block < c.number - 2048)) AND NOT EXISTS (SELECT 1 FROM attestation o WHERE o.dst_eid = u.dst_eid AND o.src_eid = u.src_eid AND o.sender = u.sender
	AND o.receiver = u.receiver AND o.nonce = u.nonce AND o.payload_hash <> u.payload_hash AND o.retracted_at IS NULL)
ON CONFLICT (dst_eid, src_eid, sender, receiver, nonce, payload_hash)
DO UPDATE SET src_block = EXCLUDED.src_block, src_block_hash = EXCLUDED.src_block_hash, signed_at = now(), dropped = false, retracted_at = NULL
RETURNING t.guid;

-- name: attestation_dropped
-- Attested, not taken back, and the block it was taken from is not the chain's any more, which is worked through beyond
-- it again: however long ago that was. $1 dst_eid
SELECT a.* FROM attestation a JOIN chain_cursor c ON c.eid = a.src_eid
WHERE a.dst_eid = $1 AND a.dropped AND a.retracted_at IS NULL AND a.src_block <= c.number
ORDER BY a.src_eid, a.nonce LIMIT 100;

-- name: attestation_retract
-- $1 dst_eid, $2 guids
UPDATE attestation SET retracted_at = now() WHERE dst_eid = $1 AND guid = ANY ($2::bytea[]) AND retracted_at IS NULL;
