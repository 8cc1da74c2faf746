-- name: lookup
-- Where a session lies, by its name.
SELECT bucket, session_key FROM session_names
WHERE name_bucket = $1 AND project_id = $2 AND name = $3

-- name: create
-- The name decides who wins; only the winner takes an id. KEY SHARE on the user's row keeps a deletion of the user
-- and the birth of a session for it apart: one waits for the other.
WITH owner AS (
    SELECT key FROM users WHERE bucket = $1 AND project_id = $2 AND user_id = $6 FOR KEY SHARE
), named AS (
    INSERT INTO session_names (name_bucket, project_id, name, bucket, session_key)
    SELECT $3, $2, $4, $1, $5
    WHERE $6::text IS NULL OR EXISTS (SELECT FROM owner)
    ON CONFLICT DO NOTHING
    RETURNING bucket, session_key
), made AS (
    INSERT INTO sessions (bucket, key, project_id, id, session_id, name_bucket, user_key, user_id, metadata,
                          created_at, updated_at)
    SELECT bucket, session_key, $2, nextval('session_ids'), $4, $3, (SELECT key FROM owner), $6, $7, $8, $8
    FROM named
    RETURNING key, id, created_at, updated_at, session_id, metadata, user_id
)
SELECT EXISTS (SELECT FROM owner) AS owned, made.* FROM (VALUES (1)) AS always LEFT JOIN made ON true

-- name: get
SELECT key, id, created_at, updated_at, session_id, metadata, user_id FROM sessions
WHERE bucket = $1 AND key = $2 AND deleted_at IS NULL

-- name: list
-- All live sessions of a project after a row id, as a JSON list.
SELECT convert_to(concat('[', string_agg(listed.json, ',' ORDER BY listed.id), ']'), 'UTF8') AS sessions FROM (
    SELECT s.id, session_json(s) AS json FROM sessions AS s
    WHERE s.project_id = $1 AND s.id > $2 AND s.deleted_at IS NULL
    ORDER BY s.id LIMIT $3
) AS listed

-- name: list_of_user
SELECT convert_to(concat('[', string_agg(session_json(s), ',' ORDER BY s.id), ']'), 'UTF8') AS sessions
FROM sessions AS s
WHERE s.bucket = $1
    AND s.user_key = (SELECT key FROM users WHERE bucket = $1 AND project_id = $2 AND user_id = $3)
    AND s.deleted_at IS NULL

-- name: patch
-- Also brings a deleted session back; its messages stay behind cleared_seq.
UPDATE sessions SET metadata = metadata_merge(metadata, $3), updated_at = $4, deleted_at = NULL
WHERE bucket = $1 AND key = $2
RETURNING key, id, created_at, updated_at, session_id, metadata, user_id

-- name: delete
-- One row: every read of messages, summaries and vectors asks for seq > cleared_seq.
UPDATE sessions SET deleted_at = $3, cleared_seq = last_seq
WHERE bucket = $1 AND key = $2 AND deleted_at IS NULL
RETURNING key

-- name: unname_orphan
-- Mends a name whose session is not there (a crash between two shards can leave one).
DELETE FROM session_names AS n
WHERE n.name_bucket = $1 AND n.project_id = $2 AND n.name = $3
    AND NOT EXISTS (SELECT FROM sessions AS s WHERE s.bucket = n.bucket AND s.key = n.session_key)
RETURNING n.session_key

-- name: purge
-- Deleted sessions go with their names; what they held, and what a revived session held before, is left to jobs that
-- remove it in batches: `erase` everything, `erase_cleared` what is at or below the mark.
WITH marked AS (
    SELECT bucket, key FROM sessions
    WHERE deleted_at IS NOT NULL OR cleared_seq > purged_seq
    ORDER BY bucket, key LIMIT $1 FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM sessions AS s USING marked AS m
    WHERE s.bucket = m.bucket AND s.key = m.key AND s.deleted_at IS NOT NULL
    RETURNING s.bucket, s.key, s.project_id, s.session_id, s.name_bucket
), unnamed AS (
    DELETE FROM session_names AS n USING gone AS g
    WHERE n.name_bucket = g.name_bucket AND n.project_id = g.project_id AND n.name = g.session_id
), cleared AS (
    UPDATE sessions AS s SET purged_seq = cleared_seq FROM marked AS m
    WHERE s.bucket = m.bucket AND s.key = m.key AND s.deleted_at IS NULL
    RETURNING s.bucket, s.key, s.project_id
), queued AS (
    INSERT INTO jobs (bucket, id, project_id, kind, about, run_at, created_at)
    SELECT bucket, new_key(bucket), project_id, 'erase', key, now(), now() FROM gone
    UNION ALL
    SELECT bucket, new_key(bucket), project_id, 'erase_cleared', key, now(), now() FROM cleared
)
SELECT (SELECT count(*) FROM gone) AS gone, (SELECT count(*) FROM cleared) AS cleared
