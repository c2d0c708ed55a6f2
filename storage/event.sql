-- SPDX-License-Identifier: Apache-2.0

-- name: event_list
-- $1 app_id, $2 message_id, $3 after seq, $4 limit
SELECT app_id, message_id, seq, id, xid, type, from_state, to_state, at, chain_eid, tx_hash, block_number,
	block_hash, log_index, gas_used, fee::text AS fee, attempt, reason,
	NULL::uuid AS identity_id
FROM event WHERE app_id = $1 AND message_id = $2 AND seq > $3 ORDER BY seq LIMIT $4;

-- name: event_feed
-- $1 app_id, $2 after xid, $3 after id, $4 limit
SELECT app_id, message_id, seq, id, xid, type, from_state, to_state, at, chain_eid, tx_hash, block_number,
	block_hash, log_index, gas_used, fee::text AS fee, attempt, reason,
	(SELECT identity_id FROM operation o WHERE o.app_id = event.app_id AND o.id = event.message_id) AS identity_id
FROM event
WHERE app_id = $1 AND (xid, id) > ($2::bigint::text::xid8, $3::bigint)
	AND xid < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY xid, id LIMIT $4;

-- name: event_now
SELECT pg_snapshot_xmin(s) AS xmin, pg_snapshot_xmax(s) AS xmax FROM pg_current_snapshot() s;

-- name: event_follow
-- Arrays: $1 app_id, $2 after xid, $3 after id; $4 limit
SELECT e.*
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS a (app_id, xid, id)
CROSS JOIN LATERAL (
	SELECT app_id, message_id, seq, id, xid, type, from_state, to_state, at, chain_eid, tx_hash,
		block_number, block_hash, log_index, gas_used, fee::text AS fee, attempt, reason,
		(SELECT identity_id FROM operation o WHERE o.app_id = event.app_id AND o.id = event.message_id) AS identity_id
	FROM event
	WHERE event.app_id = a.app_id AND (event.xid, event.id) > (a.xid::text::xid8, a.id)
		AND event.xid < pg_snapshot_xmin(pg_current_snapshot())
	ORDER BY event.xid, event.id LIMIT $4
) e;

-- name: event_catch_up
-- Arrays: $1 app_id, $2 message_id, $3 after seq; $4 limit. A row without an event when there is none.
SELECT a.n - 1 AS index, m.version, m.state, m.dst_final, e.*
FROM unnest($1::bigint[], $2::uuid[], $3::bigint[]) WITH ORDINALITY AS a (app_id, message_id, seq, n)
JOIN message m ON m.app_id = a.app_id AND m.id = a.message_id
LEFT JOIN LATERAL (
	SELECT app_id, message_id, seq, id, xid, type, from_state, to_state, at, chain_eid, tx_hash,
		block_number, block_hash, log_index, gas_used, fee::text AS fee, attempt, reason,
		NULL::uuid AS identity_id
	FROM event
	WHERE event.app_id = a.app_id AND event.message_id = a.message_id AND event.seq > a.seq
	ORDER BY event.seq LIMIT $4
) e ON true
ORDER BY a.n, e.seq;
