-- name: lease_seed
-- $1 name
INSERT INTO lease (name) VALUES ($1) ON CONFLICT (name) DO NOTHING;

-- name: lease_look
-- $1 name
SELECT epoch, holder, until < now() AS over FROM lease WHERE name = $1;

-- name: lease_take
-- $1 name, $2 the epoch that was seen, $3 holder, $4 seconds. No row: somebody was quicker.
UPDATE lease SET epoch = epoch + 1, holder = $3, until = now() + make_interval(secs => $4::bigint)
WHERE name = $1 AND epoch = $2 RETURNING epoch;

-- name: lease_renew
-- $1 name, $2 epoch, $3 seconds
UPDATE lease SET until = now() + make_interval(secs => $3::bigint) WHERE name = $1 AND epoch = $2;

-- name: lease_fence
-- $1 name, $2 epoch
SELECT 1 AS ours FROM lease WHERE name = $1 AND epoch = $2 FOR SHARE;

-- name: lease_release
-- $1 name, $2 epoch
UPDATE lease SET holder = '', until = '-infinity' WHERE name = $1 AND epoch = $2;
