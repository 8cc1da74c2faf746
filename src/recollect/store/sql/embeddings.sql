-- name: models
SELECT id, provider, name, width, state FROM embedding_models ORDER BY id

-- name: lock_models
-- Those who make models known or take them into use go one after the other; nobody who reads waits.
LOCK TABLE embedding_models IN SHARE ROW EXCLUSIVE MODE

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
FROM (SELECT DISTINCT * FROM unnest($1::smallint[], $2::uuid[], $3::uuid[])) AS n (bucket, session_key, uuid)
JOIN sessions AS s ON s.bucket = n.bucket AND s.key = n.session_key AND s.deleted_at IS NULL
JOIN messages AS m ON m.bucket = n.bucket AND m.session_key = n.session_key AND m.uuid = n.uuid
    AND m.seq > s.cleared_seq

-- name: put
-- Only for messages that still say what was embedded: the lock keeps an erasure and a change of the text apart.
-- With the vectors that search reads, those by other models go, since they may be of an older text.
WITH made AS (
    SELECT * FROM unnest($1::smallint[], $2::uuid[], $3::bigint[], $4::text[], $5::uuid[], $6::halfvec[], $8::text[])
        AS v (bucket, session_key, seq, project_id, user_key, embedding, content)
), present AS (
    SELECT v.* FROM made AS v
    JOIN messages AS m ON m.bucket = v.bucket AND m.session_key = v.session_key AND m.seq = v.seq
        AND m.content = v.content
    FOR SHARE OF m
), outdated AS (
    DELETE FROM message_embeddings AS o USING present AS p
    WHERE o.bucket = p.bucket AND o.session_key = p.session_key AND o.seq = p.seq AND o.model <> $7
        AND EXISTS (SELECT FROM embedding_models WHERE id = $7 AND state = 'active')
)
INSERT INTO message_embeddings AS e (bucket, session_key, seq, model, project_id, user_key, embedding)
SELECT bucket, session_key, seq, $7, project_id, user_key, embedding FROM present
ON CONFLICT (bucket, session_key, seq, model) DO UPDATE SET embedding = excluded.embedding

-- name: enqueue_missing
-- Jobs for the live messages of some buckets that have no vector of a model and no job to make one.
WITH missing AS (
    SELECT m.bucket, m.session_key, m.seq, m.uuid, m.project_id,
        (row_number() OVER (PARTITION BY m.bucket, m.session_key ORDER BY m.seq) - 1) / 64 AS part
    FROM messages AS m
    JOIN sessions AS s
        ON s.bucket = m.bucket AND s.key = m.session_key AND s.deleted_at IS NULL AND m.seq > s.cleared_seq
    WHERE m.bucket BETWEEN $2 AND $3
        AND NOT EXISTS (
            SELECT FROM message_embeddings AS e
            WHERE e.bucket = m.bucket AND e.session_key = m.session_key AND e.seq = m.seq AND e.model = $1)
        AND NOT EXISTS (
            SELECT FROM jobs AS j
            WHERE j.bucket = m.bucket AND j.about = m.session_key AND j.kind IN ('embed', 'reembed')
                AND m.uuid = ANY (j.items))
)
INSERT INTO jobs (bucket, id, project_id, kind, about, items, run_at, created_at)
SELECT bucket, new_key(bucket), min(project_id), 'reembed', session_key, array_agg(uuid ORDER BY seq), now(), now()
FROM missing GROUP BY bucket, session_key, part
RETURNING id

-- name: progress
-- How many of the live messages and summaries, and of the documents of automatic collections, have a vector of a model.
SELECT sum(embedded)::bigint AS embedded, sum(texts)::bigint AS texts FROM (
    SELECT count(e.seq) AS embedded, count(*) AS texts
    FROM messages AS m
    JOIN sessions AS s
        ON s.bucket = m.bucket AND s.key = m.session_key AND s.deleted_at IS NULL AND m.seq > s.cleared_seq
    LEFT JOIN message_embeddings AS e
        ON e.bucket = m.bucket AND e.session_key = m.session_key AND e.seq = m.seq AND e.model = $1
    UNION ALL
    SELECT count(e.seq), count(*)
    FROM summaries AS y
    JOIN sessions AS s
        ON s.bucket = y.bucket AND s.key = y.session_key AND s.deleted_at IS NULL AND y.seq > s.cleared_seq
    LEFT JOIN summary_embeddings AS e
        ON e.bucket = y.bucket AND e.session_key = y.session_key AND e.seq = y.seq AND e.model = $1
    UNION ALL
    SELECT count(e.uuid), count(*)
    FROM collections AS c
    JOIN documents AS d ON d.bucket = c.bucket AND d.collection_key = c.key
    LEFT JOIN document_embeddings AS e
        ON e.bucket = d.bucket AND e.collection_key = d.collection_key AND e.uuid = d.uuid AND e.model = $1
    WHERE c.is_auto_embedded
) AS counted

-- name: complete
-- Whether a model has a vector of every live message and summary, and of every document of an automatic collection, that
-- no job is going to embed.
SELECT NOT EXISTS (
    SELECT FROM messages AS m
    JOIN sessions AS s
        ON s.bucket = m.bucket AND s.key = m.session_key AND s.deleted_at IS NULL AND m.seq > s.cleared_seq
    WHERE NOT EXISTS (
        SELECT FROM message_embeddings AS e
        WHERE e.bucket = m.bucket AND e.session_key = m.session_key AND e.seq = m.seq AND e.model = $1)
    AND NOT EXISTS (
        SELECT FROM jobs AS j
        WHERE j.bucket = m.bucket AND j.about = m.session_key AND j.kind IN ('embed', 'reembed')
            AND m.uuid = ANY (j.items))
) AND NOT EXISTS (
    SELECT FROM summaries AS y
    JOIN sessions AS s
        ON s.bucket = y.bucket AND s.key = y.session_key AND s.deleted_at IS NULL AND y.seq > s.cleared_seq
    WHERE NOT EXISTS (
        SELECT FROM summary_embeddings AS e
        WHERE e.bucket = y.bucket AND e.session_key = y.session_key AND e.seq = y.seq AND e.model = $1)
    AND NOT EXISTS (
        SELECT FROM jobs AS j
        WHERE j.bucket = y.bucket AND j.about = y.session_key AND j.kind IN ('embed_summaries', 'reembed_summaries')
            AND y.uuid = ANY (j.items))
) AND NOT EXISTS (
    SELECT FROM collections AS c
    JOIN documents AS d ON d.bucket = c.bucket AND d.collection_key = c.key
    WHERE c.is_auto_embedded AND NOT EXISTS (
        SELECT FROM document_embeddings AS e
        WHERE e.bucket = d.bucket AND e.collection_key = d.collection_key AND e.uuid = d.uuid AND e.model = $1)
    AND NOT EXISTS (
        SELECT FROM jobs AS j
        WHERE j.bucket = d.bucket AND j.about = d.collection_key
            AND j.kind IN ('embed_documents', 'reembed_documents') AND d.uuid = ANY (j.items))
) AS complete

-- name: retire_others
UPDATE embedding_models SET state = 'retired', changed_at = now() WHERE state <> 'retired' AND id <> $1

-- name: activate
UPDATE embedding_models SET state = 'active' WHERE id = $1

-- name: drop_retired
-- Not at once, since other processes may not know yet that search has moved on.
DELETE FROM message_embeddings WHERE (bucket, session_key, seq, model) IN (
    SELECT e.bucket, e.session_key, e.seq, e.model FROM message_embeddings AS e
    JOIN embedding_models AS m ON m.id = e.model AND m.state = 'retired' AND m.changed_at < now() - interval '1 minute'
    LIMIT $1
)
RETURNING seq
