-- name: db_ping
SELECT 1::int8 AS one;
