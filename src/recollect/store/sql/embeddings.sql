-- name: models
SELECT id, provider, name, width, state FROM embedding_models ORDER BY id

-- name: register_model
-- The first model is active at once; a later one is filled first.
INSERT INTO embedding_models (id, provider, name, width, state)
SELECT coalesce(max(id), 0) + 1, $1, $2, $3, CASE WHEN bool_or(state = 'active') THEN 'filling' ELSE 'active' END
FROM embedding_models
ON CONFLICT DO NOTHING
RETURNING id

-- name: texts
-- The live messages among those named, with what a vector of theirs needs to know.
SELECT m.bucket, m.session_key, m.seq, m.project_id, s.user_key, m.content, m.uuid
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
