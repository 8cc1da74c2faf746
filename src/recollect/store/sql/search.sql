-- name: nearest
-- The live messages of a session nearest to a vector. `+ 0` keeps the scan exact: an approximate index would first
-- find neighbours everywhere and then drop those of other sessions.
WITH nearest AS (
    SELECT e.seq, -((e.embedding <#> $4::halfvec) + 0) AS dist, e.embedding
    FROM sessions AS s
    JOIN message_embeddings AS e
        ON e.bucket = s.bucket AND e.session_key = s.key AND e.model = $3 AND e.seq > s.cleared_seq
    WHERE s.bucket = $1 AND s.key = $2 AND s.deleted_at IS NULL
    ORDER BY (e.embedding <#> $4::halfvec) + 0 LIMIT $5
)
SELECT m.uuid, m.created_at, m.updated_at, m.role, m.content, m.token_count, m.metadata, n.dist, n.embedding
FROM nearest AS n
JOIN messages AS m ON m.bucket = $1 AND m.session_key = $2 AND m.seq = n.seq
ORDER BY n.dist DESC, n.seq

-- name: nearest_matching
-- Likewise, of those that fulfil a filter.
SELECT m.uuid, m.created_at, m.updated_at, m.role, m.content, m.token_count, m.metadata,
    -((e.embedding <#> $4::halfvec) + 0) AS dist, e.embedding
FROM sessions AS s
JOIN message_embeddings AS e
    ON e.bucket = s.bucket AND e.session_key = s.key AND e.model = $3 AND e.seq > s.cleared_seq
JOIN messages AS m ON m.bucket = e.bucket AND m.session_key = e.session_key AND m.seq = e.seq
WHERE s.bucket = $1 AND s.key = $2 AND s.deleted_at IS NULL
    AND ($6::text IS NULL OR m.created_at >= $6::text::timestamptz)
    AND ($7::text IS NULL OR m.created_at <= $7::text::timestamptz)
    AND ($8::jsonb IS NULL OR metadata_matches(m.metadata, $8))
ORDER BY (e.embedding <#> $4::halfvec) + 0, m.seq LIMIT $5

-- name: matching
-- The live messages of a session that fulfil a filter, newest first, embedded or not.
SELECT m.uuid, m.created_at, m.updated_at, m.role, m.content, m.token_count, m.metadata
FROM sessions AS s
JOIN messages AS m ON m.bucket = s.bucket AND m.session_key = s.key AND m.seq > s.cleared_seq
WHERE s.bucket = $1 AND s.key = $2 AND s.deleted_at IS NULL
    AND ($4::text IS NULL OR m.created_at >= $4::text::timestamptz)
    AND ($5::text IS NULL OR m.created_at <= $5::text::timestamptz)
    AND ($6::jsonb IS NULL OR metadata_matches(m.metadata, $6))
ORDER BY m.created_at DESC, m.seq DESC LIMIT $3

-- name: summaries_nearest
-- The summaries of some live sessions that fulfil a filter and are nearest to a vector; exact, as for messages.
SELECT y.uuid, y.created_at, y.content, y.recent_message_uuid, y.token_count, y.metadata, s.session_id,
    -((e.embedding <#> $4::halfvec) + 0) AS dist, e.embedding
FROM sessions AS s
JOIN summaries AS y ON y.bucket = s.bucket AND y.session_key = s.key AND y.seq > s.cleared_seq
JOIN summary_embeddings AS e
    ON e.bucket = y.bucket AND e.session_key = y.session_key AND e.seq = y.seq AND e.model = $3
WHERE s.bucket = $1 AND s.key = ANY ($2::uuid[]) AND s.deleted_at IS NULL
    AND ($6::text IS NULL OR y.created_at >= $6::text::timestamptz)
    AND ($7::text IS NULL OR y.created_at <= $7::text::timestamptz)
    AND ($8::jsonb IS NULL OR metadata_matches(y.metadata, $8))
ORDER BY (e.embedding <#> $4::halfvec) + 0, y.uuid LIMIT $5

-- name: summaries_matching
-- Likewise those that fulfil a filter, newest first, embedded or not.
SELECT y.uuid, y.created_at, y.content, y.recent_message_uuid, y.token_count, y.metadata, s.session_id
FROM sessions AS s
JOIN summaries AS y ON y.bucket = s.bucket AND y.session_key = s.key AND y.seq > s.cleared_seq
WHERE s.bucket = $1 AND s.key = ANY ($2::uuid[]) AND s.deleted_at IS NULL
    AND ($4::text IS NULL OR y.created_at >= $4::text::timestamptz)
    AND ($5::text IS NULL OR y.created_at <= $5::text::timestamptz)
    AND ($6::jsonb IS NULL OR metadata_matches(y.metadata, $6))
ORDER BY y.created_at DESC, y.uuid DESC LIMIT $3
