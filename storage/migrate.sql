-- SPDX-License-Identifier: Apache-2.0
-- What has been migrated. migrate.c makes the table: it must be there before a statement can name it.

-- name: migrate_exists
SELECT to_regclass('schema_migration') IS NOT NULL AS made;

-- One migration at a time, over all processes; ends with the transaction.
-- name: migrate_lock
SELECT true AS locked FROM pg_advisory_xact_lock(7379533108731);

-- name: migrate_list
SELECT number, name, sha256 FROM schema_migration ORDER BY number;

-- $1 number, $2 name, $3 sha256
-- name: migrate_record
INSERT INTO schema_migration (number, name, sha256) VALUES ($1, $2, $3);
