-- SPDX-License-Identifier: Apache-2.0
-- What accepts are measured against: one table like `message`, with a primary key, one unique and one partial index.
DROP TABLE IF EXISTS bench_message;
DROP SEQUENCE IF EXISTS bench_id;
-- Ids grow with time, as ours do.
CREATE SEQUENCE bench_id CACHE 64;
CREATE TABLE bench_message (
	app_id     bigint NOT NULL,
	id         uuid NOT NULL,
	state      smallint NOT NULL DEFAULT 1,
	src_eid    bigint NOT NULL,
	dst_eid    bigint NOT NULL,
	receiver   bytea NOT NULL,
	payload    bytea NOT NULL,
	gas_limit  bigint NOT NULL,
	messenger  bytea NOT NULL,
	request_id bytea NOT NULL,
	idempotency_key text NOT NULL,
	fingerprint bytea NOT NULL,
	request    bytea NOT NULL,
	created_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (app_id, id)
);
CREATE UNIQUE INDEX ON bench_message (app_id, idempotency_key);
CREATE INDEX ON bench_message (src_eid, id) WHERE state = 1;
