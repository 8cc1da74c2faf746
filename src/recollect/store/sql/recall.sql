-- name: of_user
-- A user's live sessions, with what shows whether a copy of their messages is still true. A user without sessions
-- gives one row without a session.
SELECT u.first_name, u.last_name, s.key, s.session_id, s.last_seq, s.cleared_seq, coalesce(r.seq, 0) AS rewritten_seq
FROM users AS u
LEFT JOIN sessions AS s ON s.bucket = u.bucket AND s.user_key = u.key AND s.deleted_at IS NULL
LEFT JOIN session_rewrites AS r ON r.bucket = s.bucket AND r.session_key = s.key
WHERE u.bucket = $1 AND u.project_id = $2 AND u.user_id = $3
ORDER BY s.id

-- name: of_session
-- Likewise one session, with the names of its user if it has one.
SELECT coalesce(u.first_name, '') AS first_name, coalesce(u.last_name, '') AS last_name,
    s.key, s.session_id, s.last_seq, s.cleared_seq, coalesce(r.seq, 0) AS rewritten_seq
FROM sessions AS s
LEFT JOIN users AS u ON u.bucket = s.bucket AND u.key = s.user_key
LEFT JOIN session_rewrites AS r ON r.bucket = s.bucket AND r.session_key = s.key
WHERE s.bucket = $1 AND s.key = $2 AND s.deleted_at IS NULL

-- name: messages_between
-- The messages of some sessions after the last one read of each, oldest first, with their vectors as far as made. Not
-- beyond the last one that the reader was told of: of what came since, some may be rewritten, which it was not told.
SELECT m.session_key, m.seq, m.role, m.metadata ->> 'name' AS name,
    extract(epoch FROM m.created_at)::float8 AS created_at, left(m.content, 65536) AS content, e.embedding
FROM unnest($2::uuid[], $3::bigint[], $4::bigint[]) AS unread (session_key, after, last)
JOIN messages AS m
    ON m.bucket = $1 AND m.session_key = unread.session_key AND m.seq > unread.after AND m.seq <= unread.last
LEFT JOIN message_embeddings AS e
    ON e.bucket = m.bucket AND e.session_key = m.session_key AND e.seq = m.seq AND e.model = $5
ORDER BY m.session_key, m.seq LIMIT $6

-- name: vectors
-- The vectors of some messages, as far as they have been made by now.
SELECT e.session_key, e.seq, e.embedding
FROM unnest($2::uuid[], $3::bigint[]) AS wanted (session_key, seq)
JOIN message_embeddings AS e
    ON e.bucket = $1 AND e.session_key = wanted.session_key AND e.seq = wanted.seq AND e.model = $4

-- name: matching
-- Which live messages of some sessions fulfil a filter.
SELECT m.session_key, m.seq
FROM sessions AS s
JOIN messages AS m ON m.bucket = s.bucket AND m.session_key = s.key AND m.seq > s.cleared_seq
WHERE s.bucket = $1 AND s.key = ANY ($2::uuid[]) AND s.deleted_at IS NULL
    AND ($3::text IS NULL OR m.created_at >= $3::text::timestamptz)
    AND ($4::text IS NULL OR m.created_at <= $4::text::timestamptz)
    AND ($5::jsonb IS NULL OR metadata_matches(m.metadata, $5))
ORDER BY m.created_at DESC, m.seq DESC

-- name: messages
-- The messages that a search has chosen, those that still live, in the order of the choice.
SELECT m.uuid, m.created_at, m.updated_at, m.role, m.content, m.token_count, m.metadata, s.session_id, chosen.place
FROM unnest($2::uuid[], $3::bigint[]) WITH ORDINALITY AS chosen (session_key, seq, place)
JOIN sessions AS s ON s.bucket = $1 AND s.key = chosen.session_key AND s.deleted_at IS NULL
JOIN messages AS m ON m.bucket = s.bucket AND m.session_key = s.key AND m.seq = chosen.seq AND m.seq > s.cleared_seq
ORDER BY chosen.place

-- name: lexical
-- The live messages of some sessions that hold any of the words, best first: for users whose messages are too many to
-- be held in the process. No length normalisation: short messages would win.
SELECT m.session_key, m.seq
FROM sessions AS s
JOIN messages AS m ON m.bucket = s.bucket AND m.session_key = s.key AND m.seq > s.cleared_seq
WHERE s.bucket = $1 AND s.key = ANY ($2::uuid[]) AND s.deleted_at IS NULL
    AND ($3::text IS NULL OR m.created_at >= $3::text::timestamptz)
    AND ($4::text IS NULL OR m.created_at <= $4::text::timestamptz)
    AND ($5::jsonb IS NULL OR metadata_matches(m.metadata, $5))
    AND to_tsvector(m.language, left(m.content, 65536)) @@ to_tsquery($6::text::regconfig, $7)
ORDER BY ts_rank(to_tsvector(m.language, left(m.content, 65536)), to_tsquery($6::text::regconfig, $7)) DESC LIMIT $8

-- name: nearest
-- Likewise the nearest by their vectors, exact.
SELECT e.session_key, e.seq
FROM sessions AS s
JOIN message_embeddings AS e
    ON e.bucket = s.bucket AND e.session_key = s.key AND e.seq > s.cleared_seq AND e.model = $6
JOIN messages AS m ON m.bucket = e.bucket AND m.session_key = e.session_key AND m.seq = e.seq
WHERE s.bucket = $1 AND s.key = ANY ($2::uuid[]) AND s.deleted_at IS NULL
    AND ($3::text IS NULL OR m.created_at >= $3::text::timestamptz)
    AND ($4::text IS NULL OR m.created_at <= $4::text::timestamptz)
    AND ($5::jsonb IS NULL OR metadata_matches(m.metadata, $5))
ORDER BY (e.embedding <#> $7::halfvec) + 0 LIMIT $8

-- name: around
-- Some messages, with up to two before and two after each, by session and seq, each once.
SELECT DISTINCT ON (m.session_key, m.seq) m.session_key, m.seq, m.role, m.metadata ->> 'name' AS name,
    extract(epoch FROM m.created_at)::float8 AS created_at, left(m.content, 65536) AS content, e.embedding
FROM unnest($2::uuid[], $3::bigint[]) AS found (session_key, seq)
JOIN sessions AS s ON s.bucket = $1 AND s.key = found.session_key AND s.deleted_at IS NULL
JOIN LATERAL (
    (SELECT * FROM messages WHERE bucket = s.bucket AND session_key = s.key AND seq <= found.seq AND seq > s.cleared_seq
    ORDER BY seq DESC LIMIT 3)
    UNION ALL
    (SELECT * FROM messages WHERE bucket = s.bucket AND session_key = s.key AND seq > found.seq ORDER BY seq LIMIT 2)
) AS m ON true
LEFT JOIN message_embeddings AS e
    ON e.bucket = m.bucket AND e.session_key = m.session_key AND e.seq = m.seq AND e.model = $4
ORDER BY m.session_key, m.seq
