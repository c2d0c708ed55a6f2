-- SPDX-License-Identifier: Apache-2.0

-- name: app_insert
-- $1 name, $2 chain_app_id
INSERT INTO app (name, chain_app_id) VALUES ($1, $2) RETURNING app_id;

-- name: app_find
-- $1 name
SELECT app_id FROM app WHERE name = $1 AND app_id <> 0;

-- name: app_list
SELECT app_id, name, chain_app_id, created_at FROM app WHERE app_id <> 0 ORDER BY app_id LIMIT 10000;

-- name: app_key_insert
-- $1 app_id, $2 key_id, $3 secret, $4 secret_hash. No row: no such app.
INSERT INTO api_key (app_id, key_id, secret, secret_hash)
SELECT app_id, $2, $3::boolean, $4 FROM app WHERE app_id = $1 AND app_id <> 0
RETURNING key_id;

-- name: app_key_list
-- $1 app_id
SELECT key_id, secret, created_at, revoked_at FROM api_key WHERE app_id = $1 ORDER BY created_at, key_id;

-- name: app_key_revoke
-- $1 app_id, $2 key_id
UPDATE api_key SET revoked_at = now() WHERE app_id = $1 AND key_id = $2 AND revoked_at IS NULL;

-- name: app_key_lookup
-- $1 hashes
SELECT secret_hash, app_id, secret FROM api_key WHERE secret_hash = ANY($1::bytea[]) AND revoked_at IS NULL;

-- name: app_over_limit
-- $1 wei, decimal
SELECT app_id FROM app_spend WHERE day = (now() AT TIME ZONE 'UTC')::date AND wei >= $1::text::numeric
LIMIT 10000;
