-- Columns bear the names, and stand in the order, of the fields of a line; a NULL is left out of it.

-- name: users
SELECT user_id, key AS uuid, created_at, updated_at, nullif(email, '') AS email, nullif(first_name, '') AS first_name,
    nullif(last_name, '') AS last_name, metadata
FROM users WHERE project_id = $1
ORDER BY id

-- name: user
SELECT user_id, key AS uuid, created_at, updated_at, nullif(email, '') AS email, nullif(first_name, '') AS first_name,
    nullif(last_name, '') AS last_name, metadata
FROM users WHERE bucket = $1 AND project_id = $2 AND user_id = $3

-- name: sessions
-- Live sessions after a row id.
SELECT bucket, key, cleared_seq, id, session_id, key AS uuid, created_at, updated_at, user_id, metadata
FROM sessions WHERE project_id = $1 AND id > $2 AND deleted_at IS NULL
ORDER BY id LIMIT $3

-- name: sessions_of_user
-- Likewise a user's.
SELECT s.bucket, s.key, s.cleared_seq, s.id, s.session_id, s.key AS uuid, s.created_at, s.updated_at, s.user_id,
    s.metadata
FROM users AS u
JOIN sessions AS s ON s.bucket = u.bucket AND s.user_key = u.key AND s.id > $4 AND s.deleted_at IS NULL
WHERE u.bucket = $1 AND u.project_id = $2 AND u.user_id = $3
ORDER BY s.id LIMIT $5

-- name: contents
-- What some sessions hold, session by session: messages, then summaries.
SELECT s.place, c.type, c.uuid, c.created_at, c.updated_at, c.role, c.content, c.recent_message_uuid, c.token_count,
    c.metadata
FROM unnest($1::smallint[], $2::uuid[], $3::bigint[]) WITH ORDINALITY AS s (bucket, key, cleared_seq, place)
CROSS JOIN LATERAL (
    SELECT 'message' AS type, m.seq, m.uuid, m.created_at, m.updated_at, m.role, m.content,
        NULL::uuid AS recent_message_uuid, m.token_count, m.metadata
    FROM messages AS m WHERE m.bucket = s.bucket AND m.session_key = s.key AND m.seq > s.cleared_seq
    UNION ALL
    SELECT 'summary', y.seq, y.uuid, y.created_at, NULL, NULL, y.content, y.recent_message_uuid, y.token_count,
        y.metadata
    FROM summaries AS y WHERE y.bucket = s.bucket AND y.session_key = s.key AND y.seq > s.cleared_seq
) AS c
ORDER BY s.place, c.type, c.seq
