-- name: create
INSERT INTO collections (bucket, key, project_id, name, description, metadata, width, is_auto_embedded, created_at,
                         updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
ON CONFLICT DO NOTHING
RETURNING key

-- name: get
-- Counted when asked: a counter in the row would make those who add to one collection wait for each other.
SELECT c.key, c.created_at, c.updated_at, c.name, c.description, c.width, c.is_auto_embedded, c.metadata,
    (SELECT count(*) FROM documents AS d WHERE d.bucket = c.bucket AND d.collection_key = c.key) AS documents,
    (SELECT count(*) FROM document_embeddings AS e
        WHERE e.bucket = c.bucket AND e.collection_key = c.key AND e.model = CASE WHEN c.is_auto_embedded
            THEN (SELECT id FROM embedding_models WHERE state = 'active') ELSE 0 END) AS embedded
FROM collections AS c
WHERE c.bucket = $1 AND c.project_id = $2 AND c.name = $3

-- name: list
-- All collections of a project, the oldest first.
SELECT c.key, c.created_at, c.updated_at, c.name, c.description, c.width, c.is_auto_embedded, c.metadata,
    (SELECT count(*) FROM documents AS d WHERE d.bucket = c.bucket AND d.collection_key = c.key) AS documents,
    (SELECT count(*) FROM document_embeddings AS e
        WHERE e.bucket = c.bucket AND e.collection_key = c.key AND e.model = CASE WHEN c.is_auto_embedded
            THEN (SELECT id FROM embedding_models WHERE state = 'active') ELSE 0 END) AS embedded
FROM collections AS c
WHERE c.project_id = $1
ORDER BY c.created_at, c.key

-- name: patch
-- NULL keeps what there is; metadata is replaced, not merged.
UPDATE collections SET description = coalesce($4, description), metadata = coalesce($5, metadata), updated_at = $6
WHERE bucket = $1 AND project_id = $2 AND name = $3
RETURNING key

-- name: delete
-- One row: everything else is read through it. What it held goes in a job.
WITH gone AS (
    DELETE FROM collections WHERE bucket = $1 AND project_id = $2 AND name = $3
    RETURNING bucket, key, project_id
)
INSERT INTO jobs (bucket, id, project_id, kind, about, run_at, created_at)
SELECT bucket, new_key(bucket), project_id, 'erase_collection', key, now(), now() FROM gone
RETURNING about

-- name: forget_jobs
-- What else was to be done for a collection that is gone.
DELETE FROM jobs WHERE bucket = $1 AND about = $2 AND kind <> 'erase_collection'

-- name: erase
-- A batch of the documents of a collection that is gone; their vectors go with them.
DELETE FROM documents WHERE (bucket, collection_key, uuid) IN (
    SELECT bucket, collection_key, uuid FROM documents WHERE bucket = $1 AND collection_key = $2 LIMIT $3
)
RETURNING uuid
