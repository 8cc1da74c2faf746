-- name: texts
-- The summaries of living sessions among those named, with what a vector of theirs needs to know.
SELECT y.bucket, y.session_key, y.seq, y.project_id, y.content
FROM (SELECT DISTINCT * FROM unnest($1::smallint[], $2::uuid[], $3::uuid[])) AS n (bucket, session_key, uuid)
JOIN sessions AS s ON s.bucket = n.bucket AND s.key = n.session_key AND s.deleted_at IS NULL
JOIN summaries AS y ON y.bucket = n.bucket AND y.session_key = n.session_key AND y.uuid = n.uuid
    AND y.seq > s.cleared_seq

-- name: put
-- Only for summaries that are there: the lock keeps an erasure apart. A summary's text never changes.
INSERT INTO summary_embeddings AS e (bucket, session_key, seq, model, project_id, embedding)
SELECT v.bucket, v.session_key, v.seq, $6, v.project_id, v.embedding
FROM unnest($1::smallint[], $2::uuid[], $3::bigint[], $4::text[], $5::halfvec[])
    AS v (bucket, session_key, seq, project_id, embedding)
JOIN summaries AS y ON y.bucket = v.bucket AND y.session_key = v.session_key AND y.seq = v.seq
FOR SHARE OF y
ON CONFLICT (bucket, session_key, seq, model) DO UPDATE SET embedding = excluded.embedding

-- name: enqueue_missing
-- Jobs for the live summaries of some buckets that have no vector of a model and no job to make one.
INSERT INTO jobs (bucket, id, project_id, kind, about, items, run_at, created_at)
SELECT y.bucket, new_key(y.bucket), min(y.project_id), 'reembed_summaries', y.session_key,
    array_agg(y.uuid ORDER BY y.seq), now(), now()
FROM summaries AS y
JOIN sessions AS s ON s.bucket = y.bucket AND s.key = y.session_key AND s.deleted_at IS NULL AND y.seq > s.cleared_seq
WHERE y.bucket BETWEEN $2 AND $3
    AND NOT EXISTS (
        SELECT FROM summary_embeddings AS e
        WHERE e.bucket = y.bucket AND e.session_key = y.session_key AND e.seq = y.seq AND e.model = $1)
    AND NOT EXISTS (
        SELECT FROM jobs AS j
        WHERE j.bucket = y.bucket AND j.about = y.session_key AND j.kind IN ('embed_summaries', 'reembed_summaries')
            AND y.uuid = ANY (j.items))
GROUP BY y.bucket, y.session_key, div(y.seq, 1024)
RETURNING id

-- name: drop_retired
-- As for messages.
DELETE FROM summary_embeddings WHERE (bucket, session_key, seq, model) IN (
    SELECT e.bucket, e.session_key, e.seq, e.model FROM summary_embeddings AS e
    JOIN embedding_models AS m ON m.id = e.model AND m.state = 'retired' AND m.changed_at < now() - interval '1 minute'
    LIMIT $1
)
RETURNING seq
