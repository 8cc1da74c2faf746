-- name: messages
-- A batch of what a session held, up to its mark ($3) or, when the session is gone (NULL), everything.
DELETE FROM messages WHERE (bucket, session_key, seq) IN (
    SELECT bucket, session_key, seq FROM messages
    WHERE bucket = $1 AND session_key = $2 AND ($3::bigint IS NULL OR seq <= $3)
    ORDER BY seq LIMIT $4
)
RETURNING seq

-- name: embeddings
DELETE FROM message_embeddings WHERE (bucket, session_key, seq, model) IN (
    SELECT bucket, session_key, seq, model FROM message_embeddings
    WHERE bucket = $1 AND session_key = $2 AND ($3::bigint IS NULL OR seq <= $3)
    ORDER BY seq, model LIMIT $4
)
RETURNING seq

-- name: summaries
DELETE FROM summaries WHERE (bucket, session_key, seq) IN (
    SELECT bucket, session_key, seq FROM summaries
    WHERE bucket = $1 AND session_key = $2 AND ($3::bigint IS NULL OR seq <= $3)
    ORDER BY seq LIMIT $4
)
RETURNING seq

-- name: rest
-- What else there was of a session that is gone: jobs, and the note of rewritten messages.
WITH jobs AS (
    DELETE FROM jobs WHERE bucket = $1 AND about = $2 AND kind <> 'erase'
)
DELETE FROM session_rewrites WHERE bucket = $1 AND session_key = $2

-- name: mark
-- How far a session's messages are deleted; no row: the session is gone.
SELECT cleared_seq FROM sessions WHERE bucket = $1 AND key = $2
