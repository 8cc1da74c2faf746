-- name: messages
-- A batch of what a session held, up to its mark or, when the session is gone, everything. The mark is read along
-- with the rows: a session of the same key may come, by an import, while the former one's rows are being removed.
DELETE FROM messages WHERE (bucket, session_key, seq) IN (
    SELECT bucket, session_key, seq FROM messages
    WHERE bucket = $1 AND session_key = $2
        AND seq <= coalesce((SELECT cleared_seq FROM sessions WHERE bucket = $1 AND key = $2), 9223372036854775807)
    ORDER BY seq LIMIT $3
)
RETURNING seq

-- name: embeddings
DELETE FROM message_embeddings WHERE (bucket, session_key, seq, model) IN (
    SELECT bucket, session_key, seq, model FROM message_embeddings
    WHERE bucket = $1 AND session_key = $2
        AND seq <= coalesce((SELECT cleared_seq FROM sessions WHERE bucket = $1 AND key = $2), 9223372036854775807)
    ORDER BY seq, model LIMIT $3
)
RETURNING seq

-- name: summaries
DELETE FROM summaries WHERE (bucket, session_key, seq) IN (
    SELECT bucket, session_key, seq FROM summaries
    WHERE bucket = $1 AND session_key = $2
        AND seq <= coalesce((SELECT cleared_seq FROM sessions WHERE bucket = $1 AND key = $2), 9223372036854775807)
    ORDER BY seq LIMIT $3
)
RETURNING seq

-- name: summary_embeddings
DELETE FROM summary_embeddings WHERE (bucket, session_key, seq, model) IN (
    SELECT bucket, session_key, seq, model FROM summary_embeddings
    WHERE bucket = $1 AND session_key = $2
        AND seq <= coalesce((SELECT cleared_seq FROM sessions WHERE bucket = $1 AND key = $2), 9223372036854775807)
    ORDER BY seq, model LIMIT $3
)
RETURNING seq

-- name: rest
-- What else there was of a session, if it is gone: jobs, and the note of rewritten messages.
WITH gone AS (
    SELECT WHERE NOT EXISTS (SELECT FROM sessions WHERE bucket = $1 AND key = $2)
), jobs AS (
    DELETE FROM jobs WHERE bucket = $1 AND about = $2 AND kind <> 'erase' AND EXISTS (SELECT FROM gone)
)
DELETE FROM session_rewrites WHERE bucket = $1 AND session_key = $2 AND EXISTS (SELECT FROM gone)
