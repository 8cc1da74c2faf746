-- name: create
-- Looked for first, so that a refused name takes no id; DO NOTHING settles a race.
INSERT INTO users (bucket, key, project_id, id, user_id, email, first_name, last_name, metadata, created_at, updated_at)
SELECT $1, $2, $3, nextval('user_ids'), $4, $5, $6, $7, $8, $9, $9
WHERE NOT EXISTS (SELECT FROM users WHERE bucket = $1 AND project_id = $3 AND user_id = $4)
ON CONFLICT DO NOTHING
RETURNING key, id, created_at, updated_at, user_id, email, first_name, last_name, metadata

-- name: get
SELECT key, id, created_at, updated_at, user_id, email, first_name, last_name, metadata FROM users
WHERE bucket = $1 AND project_id = $2 AND user_id = $3

-- name: list
SELECT key, id, created_at, updated_at, user_id, email, first_name, last_name, metadata FROM users
WHERE project_id = $1 AND id > $2
ORDER BY id LIMIT $3

-- name: patch
-- An empty text keeps the old one.
UPDATE users SET
    email = coalesce(nullif($4, ''), email),
    first_name = coalesce(nullif($5, ''), first_name),
    last_name = coalesce(nullif($6, ''), last_name),
    metadata = metadata_merge(metadata, $7), updated_at = $8
WHERE bucket = $1 AND project_id = $2 AND user_id = $3
RETURNING key, id, created_at, updated_at, user_id, email, first_name, last_name, metadata

-- name: lock
-- First half of a deletion: from here on no session can be created beside it.
SELECT key FROM users WHERE bucket = $1 AND project_id = $2 AND user_id = $3 FOR UPDATE

-- name: delete
-- Second half, in the same transaction and with a snapshot of its own: the user, its sessions and their names go at
-- once; one `erase` job per session removes what it held.
-- Sessions are locked in the order of their keys, as by everybody who locks several.
WITH gone_user AS (
    DELETE FROM users WHERE bucket = $1 AND key = $2
), locked AS (
    SELECT bucket, key FROM sessions WHERE bucket = $1 AND user_key = $2 ORDER BY key FOR UPDATE
), gone AS (
    DELETE FROM sessions AS s USING locked AS l WHERE s.bucket = l.bucket AND s.key = l.key
    RETURNING s.bucket, s.key, s.project_id, s.session_id, s.name_bucket
), unnamed AS (
    DELETE FROM session_names AS n USING gone AS g
    WHERE n.name_bucket = g.name_bucket AND n.project_id = g.project_id AND n.name = g.session_id
)
INSERT INTO jobs (bucket, id, project_id, kind, about, run_at, created_at)
SELECT bucket, new_key(bucket), project_id, 'erase', key, now(), now() FROM gone
RETURNING id, about
