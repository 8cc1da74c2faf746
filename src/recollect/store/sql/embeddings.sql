-- name: models
SELECT id, provider, name, width, state FROM embedding_models ORDER BY id

-- name: register_model
-- The first model is active at once; a later one, or one that comes back, is filled first.
INSERT INTO embedding_models AS m (id, provider, name, width, state)
SELECT coalesce(max(id), 0) + 1, $1, $2, $3, CASE WHEN bool_or(state = 'active') THEN 'filling' ELSE 'active' END
FROM embedding_models
ON CONFLICT (provider, name, width) DO UPDATE
    SET state = CASE WHEN m.state = 'retired' THEN 'filling' ELSE m.state END

-- name: texts
-- The live messages among those named, with what a vector of theirs needs to know.
SELECT m.bucket, m.session_key, m.seq, m.project_id, s.user_key, m.content
FROM unnest($1::smallint[], $2::uuid[], $3::uuid[]) AS n (bucket, session_key, uuid)
JOIN sessions AS s ON s.bucket = n.bucket AND s.key = n.session_key AND s.deleted_at IS NULL
JOIN messages AS m ON m.bucket = n.bucket AND m.session_key = n.session_key AND m.uuid = n.uuid
    AND m.seq > s.cleared_seq

-- name: put
-- Only for messages that still say what was embedded: the lock keeps an erasure and a change of the text apart.
WITH made AS (
    SELECT * FROM unnest($1::smallint[], $2::uuid[], $3::bigint[], $4::text[], $5::uuid[], $6::halfvec[], $8::text[])
        AS v (bucket, session_key, seq, project_id, user_key, embedding, content)
), present AS (
    SELECT v.* FROM made AS v
    JOIN messages AS m ON m.bucket = v.bucket AND m.session_key = v.session_key AND m.seq = v.seq
        AND m.content = v.content
    FOR KEY SHARE OF m
)
INSERT INTO message_embeddings AS e (bucket, session_key, seq, model, project_id, user_key, embedding)
SELECT bucket, session_key, seq, $7, project_id, user_key, embedding FROM present
ON CONFLICT (bucket, session_key, seq, model) DO UPDATE SET embedding = excluded.embedding

-- name: missing
-- The next live messages in the order of their keys that have no vector of a model. Reads every bucket.
SELECT m.bucket, m.session_key, m.seq, m.project_id, s.user_key, m.content
FROM messages AS m
JOIN sessions AS s ON s.bucket = m.bucket AND s.key = m.session_key AND s.deleted_at IS NULL AND m.seq > s.cleared_seq
WHERE (m.bucket, m.session_key, m.seq) > ($2, $3, $4)
    AND NOT EXISTS (
        SELECT FROM message_embeddings AS e
        WHERE e.bucket = m.bucket AND e.session_key = m.session_key AND e.seq = m.seq AND e.model = $1)
ORDER BY m.bucket, m.session_key, m.seq LIMIT $5

-- name: progress
SELECT count(e.seq) AS embedded, count(*) AS messages
FROM messages AS m
JOIN sessions AS s ON s.bucket = m.bucket AND s.key = m.session_key AND s.deleted_at IS NULL AND m.seq > s.cleared_seq
LEFT JOIN message_embeddings AS e
    ON e.bucket = m.bucket AND e.session_key = m.session_key AND e.seq = m.seq AND e.model = $1

-- name: complete
-- Whether a model has a vector of every live message that no job is going to embed.
SELECT NOT EXISTS (
    SELECT FROM messages AS m
    JOIN sessions AS s
        ON s.bucket = m.bucket AND s.key = m.session_key AND s.deleted_at IS NULL AND m.seq > s.cleared_seq
    WHERE NOT EXISTS (
        SELECT FROM message_embeddings AS e
        WHERE e.bucket = m.bucket AND e.session_key = m.session_key AND e.seq = m.seq AND e.model = $1)
    AND NOT EXISTS (
        SELECT FROM jobs AS j
        WHERE j.bucket = m.bucket AND j.about = m.session_key AND j.kind = 'embed' AND m.uuid = ANY (j.items))
) AS complete

-- name: retire_active
UPDATE embedding_models SET state = 'retired' WHERE state = 'active' AND id <> $1

-- name: activate
UPDATE embedding_models SET state = 'active' WHERE id = $1

-- name: drop_retired
-- A model's vectors outlive its retirement until the next purge, since other processes may not know of it yet.
DELETE FROM message_embeddings WHERE (bucket, session_key, seq, model) IN (
    SELECT e.bucket, e.session_key, e.seq, e.model FROM message_embeddings AS e
    JOIN embedding_models AS m ON m.id = e.model AND m.state = 'retired'
    LIMIT $1
)
RETURNING seq
