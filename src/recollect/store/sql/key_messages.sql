-- name: candidates
-- The newest $5 live messages older than the one with the uuid $3 (NULL: of all), oldest first: how long each is, up to
-- $6 characters, and its vector as far as made. One row without a message if there is none.
SELECT m.session_key, m.seq, m.characters, e.embedding
FROM sessions AS s
LEFT JOIN LATERAL (
    SELECT bucket, session_key, seq, length(btrim(left(content, $6), E' \t\r\n')) AS characters FROM messages
    WHERE bucket = s.bucket AND session_key = s.key AND seq > s.cleared_seq
        AND ($3::uuid IS NULL OR seq < (
            SELECT seq FROM messages WHERE bucket = $1 AND session_key = $2 AND uuid = $3))
    ORDER BY seq DESC LIMIT $5
) AS m ON true
LEFT JOIN message_embeddings AS e
    ON e.bucket = m.bucket AND e.session_key = m.session_key AND e.seq = m.seq AND e.model = $4
WHERE s.bucket = $1 AND s.key = $2 AND s.deleted_at IS NULL
ORDER BY m.seq
