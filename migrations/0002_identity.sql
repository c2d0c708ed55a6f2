-- SPDX-License-Identifier: Apache-2.0
-- Identities, their operations, and the batches that carry them to the main registry.
-- Living with old and new code at once: new tables only, and a trigger that finds nothing to do without them.
-- Undo: drop what is created here.

-- What of an identity never changes. As it is now it is what its newest operation says that was not refused.
CREATE TABLE identity (
	app_id        bigint NOT NULL,
	id            uuid NOT NULL,
	subject       bytea NOT NULL CHECK (length(subject) = 32),
	home_eid      bigint NOT NULL,            -- of the proxy registry it is registered through
	home_chain_id bigint NOT NULL,
	first_owner   bytea NOT NULL CHECK (length(first_owner) = 20),
	salt          bytea NOT NULL CHECK (length(salt) = 32),
	created_at    timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (app_id, id)
);
CREATE UNIQUE INDEX identity_subject ON identity (app_id, subject);

CREATE TYPE operation_state AS ENUM (
	'ACCEPTED', 'BATCHED', 'SUBMITTED', 'SENT', 'VERIFYING', 'VERIFIED', 'COMMITTED', 'FINAL',
	'REJECTED', 'FAILED', 'EXPIRED');

CREATE SEQUENCE operation_num;

CREATE TABLE operation (
	app_id        bigint NOT NULL,
	id            uuid NOT NULL,
	num           bigint NOT NULL DEFAULT nextval('operation_num'), -- order of acceptance: batches keep it
	identity_id   uuid NOT NULL,
	kind          smallint NOT NULL CHECK (kind BETWEEN 1 AND 5),   -- register update link rotate revoke
	state         operation_state NOT NULL DEFAULT 'ACCEPTED',
	seq           bigint NOT NULL DEFAULT 1,                        -- of its last event
	version       bigint NOT NULL CHECK (version > 0),
	src_eid       bigint NOT NULL,
	dst_eid       bigint NOT NULL,
	registry      bytea NOT NULL CHECK (length(registry) = 20),     -- the proxy registry
	-- what is signed
	eager         boolean NOT NULL,
	owner         bytea NOT NULL CHECK (length(owner) = 20),
	account       bytea CHECK (length(account) = 20),
	recovery      bytea CHECK (length(recovery) = 20),
	data_hash     bytea NOT NULL CHECK (length(data_hash) = 32),
	deadline      bigint NOT NULL,
	signature     bytea NOT NULL,
	consent       bytea NOT NULL,
	-- what data_hash stands for, and whose identity it is afterwards (a revocation: zeros)
	leaf_owner    bytea NOT NULL CHECK (length(leaf_owner) = 20),
	document_hash bytea CHECK (length(document_hash) = 32),
	encryption_key bytea CHECK (length(encryption_key) = 32),
	accounts      text[] NOT NULL DEFAULT '{}',
	-- where it is
	message_id    uuid,       -- its batch: a message of tenant 0
	place         integer,    -- among the operations of the batch's transaction
	leaf_index    integer,    -- in the batch's tree, once it is on the source chain
	skip          text,       -- why the proxy registry left it out
	rejected      smallint,   -- why the main registry refused it
	attempts      integer NOT NULL DEFAULT 0,
	reason        text,       -- why it ended, or waits
	due_at        timestamptz NOT NULL DEFAULT '-infinity',
	created_at    timestamptz NOT NULL DEFAULT now(),
	updated_at    timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (app_id, id),
	FOREIGN KEY (app_id, identity_id) REFERENCES identity,
	CHECK (state NOT IN ('VERIFYING', 'VERIFIED', 'COMMITTED', 'FINAL') OR leaf_index IS NOT NULL),
	CHECK (state IN ('ACCEPTED', 'REJECTED', 'FAILED', 'EXPIRED') OR message_id IS NOT NULL)
) WITH (fillfactor = 70);
CREATE INDEX operation_identity ON operation (app_id, identity_id, version);
CREATE INDEX operation_waiting ON operation (src_eid, num) WHERE state = 'ACCEPTED';
CREATE INDEX operation_message ON operation (message_id) WHERE message_id IS NOT NULL;
-- One version of an identity is asked for once at a time.
CREATE UNIQUE INDEX operation_version ON operation (app_id, identity_id, version)
	WHERE state NOT IN ('REJECTED', 'FAILED', 'EXPIRED');

-- The accounts that find an identity: those that proved, by a signature, to belong to it.
CREATE TABLE identity_account (
	app_id       bigint NOT NULL,
	chain_id     bigint NOT NULL,
	address      bytea NOT NULL CHECK (length(address) = 20),
	identity_id  uuid NOT NULL,
	operation_id uuid NOT NULL,
	PRIMARY KEY (app_id, chain_id, address, identity_id)
);

-- What a quote prepared and nobody has signed yet, or what became of it.
CREATE TABLE identity_quote (
	app_id       bigint NOT NULL,
	id           uuid NOT NULL,
	body         bytea NOT NULL,
	expire_at    timestamptz NOT NULL,
	operation_id uuid,        -- it was used for this
	fingerprint  bytea,       -- of the request that used it
	PRIMARY KEY (app_id, id)
);
CREATE INDEX identity_quote_expire ON identity_quote (expire_at) WHERE operation_id IS NULL;

-- A batch as the source chain shows it. bat_… is its message's id.
CREATE TABLE batch (
	message_id uuid PRIMARY KEY,
	src_eid    bigint NOT NULL,
	dst_eid    bigint NOT NULL,
	number     bigint NOT NULL,
	prev_root  bytea NOT NULL CHECK (length(prev_root) = 32),
	root       bytea NOT NULL CHECK (length(root) = 32),
	count      integer NOT NULL,
	rejected   integer,       -- members that the main registry refused, once it has the batch
	answer_id  uuid           -- the message that tells the proxy registry how it was taken
);
CREATE INDEX batch_number ON batch (src_eid, number);
CREATE INDEX batch_unanswered ON batch (src_eid, number) WHERE answer_id IS NULL;
CREATE TABLE batch_leaf (
	message_id uuid NOT NULL REFERENCES batch ON DELETE CASCADE,
	index      integer NOT NULL,
	subject    bytea NOT NULL,
	owner      bytea NOT NULL,
	data_hash  bytea NOT NULL,
	version    bigint NOT NULL,
	PRIMARY KEY (message_id, index)
);

-- What has ended does not move again.
CREATE FUNCTION operation_check_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.seq < OLD.seq OR (NEW.state <> OLD.state AND OLD.state IN ('FINAL', 'REJECTED', 'FAILED', 'EXPIRED')) THEN
		RAISE EXCEPTION 'operation %: illegal move % to %, seq % to %', OLD.id, OLD.state, NEW.state, OLD.seq, NEW.seq
			USING ERRCODE = 'check_violation';
	END IF;
	RETURN NEW;
END $$;
CREATE TRIGGER operation_check_move BEFORE UPDATE OF state, seq ON operation
	FOR EACH ROW EXECUTE FUNCTION operation_check_move();

-- Where an operation is when its batch is there. An operation that the proxy registry left out is judged when the
-- source block is final, or when the whole batch came to nothing: NULL skip then means try again.
CREATE FUNCTION operation_target(o operation, m message) RETURNS operation_state LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE
		WHEN m.state IN ('FAILED', 'CANCELLED', 'EXPIRED')
			OR (o.leaf_index IS NULL AND m.src_final AND m.state NOT IN ('ACCEPTED', 'SUBMITTED', 'SENT'))
		THEN CASE
			WHEN o.skip = 'Expired' THEN 'EXPIRED'
			WHEN o.skip IN ('StaleVersion', 'AlreadyRegistered', 'IsRevoked') THEN 'REJECTED'
			WHEN o.skip IS NULL OR o.skip IN ('TooManyWritten', 'BatchFull', 'LowGas') THEN 'ACCEPTED'
			ELSE 'FAILED' END
		WHEN o.leaf_index IS NULL THEN CASE WHEN m.state = 'ACCEPTED' THEN 'BATCHED' ELSE 'SUBMITTED' END
		WHEN m.state = 'ACCEPTED' THEN 'BATCHED'
		WHEN m.state IN ('SUBMITTED', 'SENT', 'VERIFYING', 'VERIFIED', 'COMMITTED') THEN m.state::text
		WHEN m.state IN ('EXECUTION_FAILED') THEN 'COMMITTED'
		WHEN NOT m.dst_final THEN CASE WHEN m.state = 'SKIPPED' THEN 'VERIFYING' ELSE 'COMMITTED' END
		WHEN m.state <> 'DELIVERED' THEN 'FAILED'
		WHEN o.rejected IS NOT NULL THEN 'REJECTED'
		ELSE 'FINAL' END::operation_state
$$;

-- Brings the operations of a batch to where the batch is, with an event for every step forward and one for a step back.
CREATE FUNCTION operation_sync(batch_id uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	forward CONSTANT operation_state[] := ARRAY['ACCEPTED', 'BATCHED', 'SUBMITTED', 'SENT', 'VERIFYING', 'VERIFIED', 'COMMITTED', 'FINAL'];
	m message;
BEGIN
	SELECT * INTO STRICT m FROM message WHERE app_id = 0 AND id = batch_id;
	WITH o AS MATERIALIZED (
		SELECT op.app_id, op.id, op.seq, array_position(forward, op.state) AS at, t.target, array_position(forward, t.target) AS goal,
			CASE WHEN t.target = 'REJECTED' THEN coalesce(op.skip, CASE op.rejected WHEN 1 THEN 'REVOKED' WHEN 2 THEN 'STALE_VERSION' ELSE 'NOT_OWNER' END)
				WHEN t.target IN ('FAILED', 'EXPIRED', 'ACCEPTED') THEN coalesce(op.skip, 'the batch ended as ' || m.state) END AS why
		FROM operation op, LATERAL operation_target(op, m) t (target)
		WHERE op.message_id = batch_id AND op.state NOT IN ('FINAL', 'REJECTED', 'FAILED', 'EXPIRED') AND op.state <> t.target
		ORDER BY op.app_id, op.id FOR NO KEY UPDATE OF op
	), step AS (
		SELECT o.app_id, o.id, o.seq, o.why, o.target, s.state, row_number() OVER (PARTITION BY o.app_id, o.id ORDER BY s.n) AS k
		FROM o, LATERAL (
			SELECT f.state, f.n FROM unnest(forward) WITH ORDINALITY f (state, n) WHERE f.n > o.at AND f.n <= o.goal
			UNION ALL SELECT o.target, 0 WHERE o.goal IS NULL OR o.goal < o.at) s
	), logged AS (
		INSERT INTO event (app_id, message_id, seq, type, chain_eid, tx_hash, block_number, block_hash, reason)
		SELECT app_id, id, seq + k, state::text,
			CASE WHEN state = 'SENT' THEN m.src_eid WHEN state = 'FINAL' THEN m.dst_eid END,
			CASE WHEN state = 'SENT' THEN m.src_tx WHEN state = 'FINAL' THEN m.dst_tx END,
			CASE WHEN state = 'SENT' THEN m.src_block WHEN state = 'FINAL' THEN m.dst_block END,
			CASE WHEN state = 'SENT' THEN m.src_block_hash WHEN state = 'FINAL' THEN m.dst_block_hash END,
			CASE WHEN state = target THEN why END
		FROM step
	)
	UPDATE operation op SET state = n.target, seq = op.seq + n.k, updated_at = now(), reason = n.why,
		message_id = CASE WHEN n.target <> 'ACCEPTED' THEN op.message_id END,
		place = CASE WHEN n.target <> 'ACCEPTED' THEN op.place END,
		leaf_index = CASE WHEN n.target NOT IN ('ACCEPTED', 'BATCHED', 'SUBMITTED') THEN op.leaf_index END,
		skip = CASE WHEN n.target <> 'ACCEPTED' THEN op.skip END,
		rejected = CASE WHEN n.target IN ('COMMITTED', 'FINAL', 'REJECTED') THEN op.rejected END,
		attempts = op.attempts + (n.target = 'ACCEPTED')::integer,
		due_at = CASE WHEN n.target = 'ACCEPTED' THEN now() + interval '1 s' ELSE op.due_at END
	FROM (SELECT app_id, id, target, why, max(k) AS k FROM step GROUP BY app_id, id, target, why) n
	WHERE op.app_id = n.app_id AND op.id = n.id;
END $$;

CREATE FUNCTION message_moves_operations() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.guid IS NULL AND OLD.guid IS NOT NULL THEN -- its block is gone
		UPDATE operation SET skip = NULL WHERE message_id = NEW.id AND skip IS NOT NULL;
		DELETE FROM batch WHERE message_id = NEW.id;
	END IF;
	PERFORM operation_sync(NEW.id);
	RETURN NULL;
END $$;
CREATE TRIGGER message_moves_operations AFTER UPDATE OF state, src_final, dst_final, guid ON message
	FOR EACH ROW WHEN (NEW.app_id = 0 AND (OLD.state, OLD.src_final, OLD.dst_final, OLD.guid)
		IS DISTINCT FROM (NEW.state, NEW.src_final, NEW.dst_final, NEW.guid))
	EXECUTE FUNCTION message_moves_operations();
