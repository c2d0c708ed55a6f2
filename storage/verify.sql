-- name: verify_states
-- The state by the log is another than the message's.
SELECT format('message %s of app %s is %s, its events say %s', m.id, m.app_id, m.state, coalesce(e.to_state::text, 'nothing')) AS line
FROM message m
LEFT JOIN LATERAL (SELECT to_state FROM event WHERE app_id = m.app_id AND message_id = m.id AND to_state IS NOT NULL ORDER BY seq DESC LIMIT 1) e ON true
WHERE e.to_state IS DISTINCT FROM m.state LIMIT 1000;

-- name: verify_gaps
-- Events are missing, or there are more than the version says.
SELECT format('message %s of app %s has version %s, %s events, the last with seq %s', m.id, m.app_id, m.version, e.n, e.last) AS line
FROM message m
JOIN LATERAL (SELECT count(*) AS n, max(seq) AS last FROM event WHERE app_id = m.app_id AND message_id = m.id) e ON true
WHERE e.n <> m.version OR e.last IS DISTINCT FROM m.version LIMIT 1000;

-- name: verify_moves
-- A move begins where no move ended.
SELECT format('message %s of app %s: event %s moves from %s, the message was %s', message_id, app_id, seq, from_state, coalesce(before::text, 'nothing')) AS line
FROM (SELECT app_id, message_id, seq, from_state, lag(to_state) OVER (PARTITION BY app_id, message_id ORDER BY seq) AS before
	FROM event WHERE to_state IS NOT NULL) e
WHERE (from_state IS DISTINCT FROM before) LIMIT 1000;

-- name: verify_outbox
-- The outbox row is missing, left over, or for another stage than the state's.
SELECT format('message %s of app %s is %s%s, its outbox row says %s', m.id, m.app_id, m.state, CASE WHEN m.dst_final THEN ' (final)' ELSE '' END,
	coalesce('stage ' || o.stage, 'nothing')) AS line
FROM message m LEFT JOIN outbox o ON o.app_id = m.app_id AND o.id = m.id
WHERE o.stage IS DISTINCT FROM CASE
	WHEN m.state = 'ACCEPTED' THEN 1
	WHEN m.state IN ('AWAITING_WALLET', 'SUBMITTED') THEN 2
	WHEN m.state = 'SENT' THEN 3
	WHEN m.state = 'VERIFYING' THEN 4
	WHEN m.state IN ('VERIFIED', 'COMMITTED', 'EXECUTION_FAILED') THEN 5
	WHEN m.state IN ('DELIVERED', 'CLEARED', 'SKIPPED', 'BURNED') AND NOT m.dst_final THEN 6 END LIMIT 1000;

-- name: verify_lanes
-- A lane's nonces have gaps, or its next nonce is not the one after them.
SELECT format('lane %s 0x%s: next nonce %s, journal holds %s nonces from %s to %s', l.eid, encode(l.signer, 'hex'), l.next_nonce, j.n, j.low, j.high) AS line
FROM lane l JOIN LATERAL (SELECT count(*) AS n, min(nonce) AS low, max(nonce) AS high FROM journal WHERE eid = l.eid AND signer = l.signer) j ON j.n > 0
WHERE j.high + 1 <> l.next_nonce OR j.high - j.low + 1 <> j.n LIMIT 1000;

-- name: verify_carried
-- An outbox row names a journal row that does not name it.
SELECT format('message %s of app %s is carried by nonce %s of 0x%s on %s, whose journal row does not hold it', o.id, o.app_id, o.tx_nonce,
	encode(o.signer, 'hex'), o.eid) AS line
FROM outbox o LEFT JOIN journal j ON j.eid = o.eid AND j.signer = o.signer AND j.nonce = o.tx_nonce
WHERE o.signer IS NOT NULL AND (j.nonce IS NULL OR NOT o.id = ANY (j.items_id)) LIMIT 1000;

-- name: verify_twice
-- A message waits in two source transactions at once: both could send it.
SELECT format('message %s of app %s is in %s source transactions that no block has yet', id, app_id, count(*)) AS line
FROM journal j CROSS JOIN LATERAL unnest(j.items_app, j.items_id) k (app_id, id)
WHERE j.purpose = 'SUBMIT' AND j.state IN ('RESERVED', 'SIGNED', 'BROADCAST') GROUP BY app_id, id HAVING count(*) > 1 LIMIT 1000;

-- name: verify_guids
-- Two messages claim one packet.
SELECT format('packet 0x%s belongs to %s messages', encode(guid, 'hex'), count(*)) AS line
FROM message WHERE guid IS NOT NULL GROUP BY guid HAVING count(*) > 1 LIMIT 1000;

-- name: verify_operations
-- An operation's state is not what its log says last, its events have gaps, or it is not where its batch is.
SELECT format('operation %s of app %s is %s with seq %s, its events end with %s, %s of them; its batch asks for %s', o.id, o.app_id, o.state, o.seq,
	coalesce(e.type, 'nothing'), n.n, coalesce(t.target::text, 'nothing')) AS line
FROM operation o
LEFT JOIN LATERAL (SELECT type FROM event WHERE app_id = o.app_id AND message_id = o.id
	AND type = ANY (enum_range(NULL::operation_state)::text[]) ORDER BY seq DESC LIMIT 1) e ON true
CROSS JOIN LATERAL (SELECT count(*) AS n, coalesce(max(seq), 0) AS last FROM event WHERE app_id = o.app_id AND message_id = o.id) n
LEFT JOIN message m ON m.app_id = 0 AND m.id = o.message_id
LEFT JOIN LATERAL (SELECT operation_target(o, m) AS target WHERE m.id IS NOT NULL) t ON true
WHERE e.type IS DISTINCT FROM o.state::text OR n.n <> o.seq OR n.last <> o.seq
	OR (o.state NOT IN ('FINAL', 'REJECTED', 'FAILED', 'EXPIRED') AND coalesce(t.target, 'ACCEPTED') <> o.state) LIMIT 1000;
