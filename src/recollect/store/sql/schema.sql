-- name: lock
-- One migrator at a time; released with the transaction.
SELECT pg_advisory_xact_lock(4277009102)

-- name: bookkeeping
SELECT to_regclass('recollect_migrations') IS NOT NULL AS present

-- name: applied
SELECT coalesce(max(version), 0) AS version FROM recollect_migrations

-- name: record
INSERT INTO recollect_migrations (version, name, applied_at) VALUES ($1, $2, now())

-- name: server
SELECT current_setting('server_version_num')::integer AS postgres,
    (SELECT default_version FROM pg_available_extensions WHERE name = 'vector') AS vector_available,
    (SELECT extversion FROM pg_extension WHERE extname = 'vector') AS vector_installed

-- name: of_vectors
-- Where the types of vectors live: whoever installed the extension chose.
SELECT n.nspname FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace WHERE e.extname = 'vector'

-- name: set
SELECT set_config($1, $2, false)
