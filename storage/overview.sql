-- SPDX-License-Identifier: Apache-2.0

-- name: overview_cursors
SELECT eid, number, block_time, updated_at, problem, detail FROM chain_cursor ORDER BY eid;

-- name: overview_lanes
SELECT eid, role, halted, detail, since, EXISTS (
	SELECT 1 FROM lease WHERE name = 'lane.' || eid || '.0x' || encode(signer, 'hex') AND until > now()
) AS is_driven
FROM lane ORDER BY eid, role;

-- name: overview_leases
SELECT name FROM lease WHERE until > now() ORDER BY name;

-- name: overview_backlogs
SELECT m.src_eid, m.dst_eid, count(*) AS count, min(m.created_at) AS oldest
FROM outbox o JOIN message m ON m.app_id = o.app_id AND m.id = o.id
WHERE o.stage < 6 GROUP BY m.src_eid, m.dst_eid;

-- name: overview_latencies
WITH tail AS (
	SELECT t.app_id, t.message_id
	FROM app CROSS JOIN LATERAL (
		SELECT app_id, message_id, to_state, at FROM event WHERE event.app_id = app.app_id
		ORDER BY xid DESC, id DESC LIMIT 5000
	) t
	WHERE t.to_state = 'DELIVERED' AND t.at > now() - interval '1 hour'
	LIMIT 2000
), life AS (
	SELECT m.src_eid, m.dst_eid, max(m.verify_required) AS verify_required,
		min(e.at) FILTER (WHERE e.to_state = 'ACCEPTED') AS accepted,
		max(e.at) FILTER (WHERE e.to_state = 'SENT') AS sent,
		max(e.at) FILTER (WHERE e.to_state = 'VERIFIED') AS verified,
		max(e.at) FILTER (WHERE e.to_state = 'DELIVERED') AS delivered
	FROM tail t JOIN message m ON m.app_id = t.app_id AND m.id = t.message_id
	JOIN event e ON e.app_id = t.app_id AND e.message_id = t.message_id
	GROUP BY m.app_id, m.id, m.src_eid, m.dst_eid
), span AS (
	SELECT l.src_eid, l.dst_eid, l.verify_required, s.stage, extract(epoch FROM s.took)::float8 AS took
	FROM life l CROSS JOIN LATERAL (VALUES ('SEND', l.sent - l.accepted),
		('VERIFY', l.verified - l.sent), ('EXECUTE', l.delivered - l.verified),
		('TOTAL', l.delivered - l.accepted)) AS s (stage, took)
	WHERE s.took >= interval '0'
)
SELECT src_eid, dst_eid, stage, count(*) AS count, max(verify_required) AS verify_required,
	percentile_cont(0.5) WITHIN GROUP (ORDER BY took) AS p50,
	percentile_cont(0.9) WITHIN GROUP (ORDER BY took) AS p90,
	percentile_cont(0.99) WITHIN GROUP (ORDER BY took) AS p99
FROM span GROUP BY src_eid, dst_eid, stage ORDER BY src_eid, dst_eid, stage;
