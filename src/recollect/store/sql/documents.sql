-- Rows are fetched by their whole key, one by one (subqueries, OFFSET 0): left to itself and without fresh statistics the
-- planner would read a whole collection to join it with a handful of rows.

-- name: add
-- All documents or none. $11 says which vectors came along: 0 none, their width, -1 anything else; they must be what
-- the collection takes, else nothing is stored. A document_id that is taken, or stands twice, is a unique violation.
-- The lock keeps the collection until its documents are in; by document_id, so that two writers do not wait crosswise.
WITH collection AS (
    SELECT key, width, is_auto_embedded, CASE WHEN is_auto_embedded THEN 0 ELSE width END = $11::integer AS fits
    FROM collections WHERE bucket = $1 AND project_id = $2 AND name = $3 FOR KEY SHARE
), given AS (
    SELECT c.key, n.*
    FROM collection AS c, unnest($6::uuid[], $7::text[], $8::text[], $9::text[], $10::vector[])
        AS n (uuid, document_id, content, metadata, embedding)
    WHERE c.fits
), stored AS (
    INSERT INTO documents (bucket, collection_key, uuid, project_id, document_id, language, created_at, updated_at,
                           content, metadata)
    SELECT $1, key, uuid, $2, document_id, $5::text::regconfig, $4, $4, content, metadata::jsonb FROM given
    ORDER BY document_id
), embedded AS (
    INSERT INTO document_embeddings (bucket, collection_key, uuid, model, project_id, embedding)
    SELECT $1, key, uuid, 0, $2, embedding FROM given WHERE embedding IS NOT NULL
), queued AS (
    INSERT INTO jobs (bucket, id, project_id, kind, about, items, run_at, created_at)
    SELECT $1, new_key($1), $2, 'embed_documents', c.key, ($6::uuid[])[first : first + 63], now(), now()
    FROM collection AS c, generate_series(1, cardinality($6::uuid[]), 64) AS first
    WHERE c.fits AND c.is_auto_embedded AND $12::boolean
)
SELECT fits, is_auto_embedded, width FROM collection

-- name: by_uuid
-- The documents asked for, in the order asked; a collection without any of them gives one row without a document.
SELECT f.* FROM collections AS c
LEFT JOIN LATERAL (
    SELECT d.uuid, d.created_at, d.updated_at, coalesce(d.document_id, '') AS document_id, d.content, d.metadata, (
        SELECT e.embedding::text FROM document_embeddings AS e
        WHERE e.bucket = d.bucket AND e.collection_key = d.collection_key AND e.uuid = d.uuid AND e.model = CASE
            WHEN c.is_auto_embedded THEN (SELECT id FROM embedding_models WHERE state = 'active') ELSE 0 END
    ) AS embedding
    FROM unnest($4::uuid[]) WITH ORDINALITY AS n (uuid, place)
    CROSS JOIN LATERAL (
        SELECT * FROM documents AS d WHERE d.bucket = c.bucket AND d.collection_key = c.key AND d.uuid = n.uuid OFFSET 0
    ) AS d
    ORDER BY n.place
) AS f ON true
WHERE c.bucket = $1 AND c.project_id = $2 AND c.name = $3

-- name: by_document_id
-- Likewise, by the names that clients gave them.
SELECT f.* FROM collections AS c
LEFT JOIN LATERAL (
    SELECT d.uuid, d.created_at, d.updated_at, coalesce(d.document_id, '') AS document_id, d.content, d.metadata, (
        SELECT e.embedding::text FROM document_embeddings AS e
        WHERE e.bucket = d.bucket AND e.collection_key = d.collection_key AND e.uuid = d.uuid AND e.model = CASE
            WHEN c.is_auto_embedded THEN (SELECT id FROM embedding_models WHERE state = 'active') ELSE 0 END
    ) AS embedding
    FROM unnest($4::text[]) WITH ORDINALITY AS n (document_id, place)
    CROSS JOIN LATERAL (
        SELECT * FROM documents AS d
        WHERE d.bucket = c.bucket AND d.collection_key = c.key AND d.document_id = n.document_id OFFSET 0
    ) AS d
    ORDER BY n.place
) AS f ON true
WHERE c.bucket = $1 AND c.project_id = $2 AND c.name = $3

-- name: matching
-- The documents that fulfil a filter ($4, NULL: all), embedded or not, the newest first.
SELECT f.* FROM collections AS c
LEFT JOIN LATERAL (
    SELECT d.uuid, d.created_at, d.updated_at, coalesce(d.document_id, '') AS document_id, d.content, d.metadata, (
        SELECT e.embedding::text FROM document_embeddings AS e
        WHERE e.bucket = d.bucket AND e.collection_key = d.collection_key AND e.uuid = d.uuid AND e.model = CASE
            WHEN c.is_auto_embedded THEN (SELECT id FROM embedding_models WHERE state = 'active') ELSE 0 END
    ) AS embedding
    FROM documents AS d
    WHERE d.bucket = c.bucket AND d.collection_key = c.key
        AND ($4::jsonb IS NULL OR metadata_matches(d.metadata, $4))
    ORDER BY d.created_at DESC, d.uuid DESC LIMIT $5
) AS f ON true
WHERE c.bucket = $1 AND c.project_id = $2 AND c.name = $3

-- name: nearest
-- The documents nearest to a vector ($5, of width $6), of those that fulfil a filter ($7, NULL: all). $4 is the model
-- that vectors of collections embedded automatically are compared by.
-- By the collection's index if it has one, few are wanted and nothing is filtered: an index finds neighbours first
-- and would then drop those that do not match. Else `+ 0` keeps the scan exact. `many`: there are more than $9, and no
-- index.
WITH collection AS (
    SELECT key, v.model, v.width, v.width = $6::integer AS fits, c.indexed_model IS DISTINCT FROM v.model AS unindexed,
        c.indexed_model IS NOT DISTINCT FROM v.model AND $7::jsonb IS NULL AND $8::integer <= 1000 AS by_index
    FROM collections AS c CROSS JOIN LATERAL (
        SELECT CASE WHEN c.is_auto_embedded THEN $4::smallint ELSE 0 END::smallint AS model,
            CASE WHEN c.is_auto_embedded THEN (SELECT width FROM embedding_models WHERE id = $4) ELSE c.width END
            AS width
    ) AS v
    WHERE c.bucket = $1 AND c.project_id = $2 AND c.name = $3
), scanned AS (
    SELECT e.uuid, (e.embedding <=> $5::vector) + 0 AS distance
    FROM collection AS c
    JOIN document_embeddings AS e ON e.bucket = $1 AND e.collection_key = c.key AND e.model = c.model
    WHERE c.fits AND NOT c.by_index
        AND ($7::jsonb IS NULL OR EXISTS (
            SELECT FROM documents AS d
            WHERE d.bucket = e.bucket AND d.collection_key = e.collection_key AND d.uuid = e.uuid
                AND metadata_matches(d.metadata, $7)))
    ORDER BY distance LIMIT $8
), indexed AS (
    SELECT DISTINCT n.uuid, n.distance
    FROM collection AS c, documents_nearest($1::smallint, c.key, c.model, c.width, $5, $8) AS n
    WHERE c.fits AND c.by_index
), outgrown AS MATERIALIZED (
    SELECT c.unindexed AND EXISTS (
        SELECT FROM document_embeddings AS e WHERE e.bucket = $1 AND e.collection_key = c.key AND e.model = c.model
        OFFSET $9 LIMIT 1) AS many
    FROM collection AS c
), found AS (
    SELECT d.*, n.distance, (
        SELECT e.embedding::text FROM document_embeddings AS e
        WHERE e.bucket = $1 AND e.collection_key = c.key AND e.uuid = n.uuid AND e.model = c.model) AS embedding
    FROM collection AS c
    CROSS JOIN (TABLE scanned UNION ALL TABLE indexed) AS n
    CROSS JOIN LATERAL (
        SELECT d.uuid, d.created_at, d.updated_at, coalesce(d.document_id, '') AS document_id, d.content, d.metadata
        FROM documents AS d WHERE d.bucket = $1 AND d.collection_key = c.key AND d.uuid = n.uuid OFFSET 0
    ) AS d
    WHERE n.distance <> 'NaN'  -- a vector of zeros is near nothing
    ORDER BY n.distance, n.uuid LIMIT $8
)
SELECT f.*, c.width, c.fits, o.many FROM collection AS c CROSS JOIN outgrown AS o LEFT JOIN found AS f ON true

-- name: patch
-- Each element changes its own document; NULL keeps what there is. One row for the collection, whether or not any
-- of the documents is in it.
WITH collection AS (
    SELECT key FROM collections WHERE bucket = $1 AND project_id = $2 AND name = $3
), changed AS (
    UPDATE documents AS d
    SET document_id = coalesce(n.document_id, d.document_id), metadata = coalesce(n.metadata::jsonb, d.metadata),
        updated_at = $7
    FROM collection AS c, unnest($4::uuid[], $5::text[], $6::text[]) AS n (uuid, document_id, metadata)
    WHERE d.bucket = $1 AND d.collection_key = c.key AND d.uuid = n.uuid AND d.uuid = ANY ($4::uuid[])
    RETURNING d.uuid
)
SELECT (SELECT count(*) FROM changed) AS changed FROM collection

-- name: delete
-- For good; the vectors go with their documents.
WITH collection AS (
    SELECT key FROM collections WHERE bucket = $1 AND project_id = $2 AND name = $3
), gone AS (
    DELETE FROM documents AS d USING collection AS c
    WHERE d.bucket = $1 AND d.collection_key = c.key AND d.uuid = ANY ($4::uuid[])
    RETURNING d.uuid
)
SELECT (SELECT count(*) FROM gone) AS gone FROM collection

-- name: texts
-- What is to be embedded of the documents named: those that are there, in collections that are.
SELECT n.bucket, n.collection_key, n.uuid, d.project_id, d.content
FROM (SELECT DISTINCT * FROM unnest($1::smallint[], $2::uuid[], $3::uuid[])) AS n (bucket, collection_key, uuid)
CROSS JOIN LATERAL (
    SELECT d.project_id, d.content FROM documents AS d
    WHERE d.bucket = n.bucket AND d.collection_key = n.collection_key AND d.uuid = n.uuid OFFSET 0
) AS d
WHERE EXISTS (SELECT FROM collections AS c WHERE c.bucket = n.bucket AND c.key = n.collection_key)

-- name: put
-- Vectors by the uuid of their document; the lock keeps a deletion apart.
INSERT INTO document_embeddings AS e (bucket, collection_key, uuid, model, project_id, embedding)
SELECT v.bucket, v.collection_key, v.uuid, $6, v.project_id, v.embedding
FROM unnest($1::smallint[], $2::uuid[], $3::uuid[], $4::text[], $5::vector[])
    AS v (bucket, collection_key, uuid, project_id, embedding)
CROSS JOIN LATERAL (
    SELECT FROM documents AS d
    WHERE d.bucket = v.bucket AND d.collection_key = v.collection_key AND d.uuid = v.uuid FOR KEY SHARE
) AS present
ON CONFLICT (bucket, collection_key, uuid, model) DO UPDATE SET embedding = excluded.embedding

-- name: enqueue_missing
-- Jobs for the documents of automatic collections in some buckets that have no vector of a model and no job to make
-- one.
WITH missing AS (
    SELECT d.bucket, d.collection_key, d.uuid, d.project_id,
        (row_number() OVER (PARTITION BY d.bucket, d.collection_key ORDER BY d.uuid) - 1) / 64 AS part
    FROM collections AS c
    JOIN documents AS d ON d.bucket = c.bucket AND d.collection_key = c.key
    WHERE c.bucket BETWEEN $2 AND $3 AND c.is_auto_embedded
        AND NOT EXISTS (
            SELECT FROM document_embeddings AS e
            WHERE e.bucket = d.bucket AND e.collection_key = d.collection_key AND e.uuid = d.uuid AND e.model = $1)
        AND NOT EXISTS (
            SELECT FROM jobs AS j
            WHERE j.bucket = d.bucket AND j.about = d.collection_key
                AND j.kind IN ('embed_documents', 'reembed_documents') AND d.uuid = ANY (j.items))
)
INSERT INTO jobs (bucket, id, project_id, kind, about, items, run_at, created_at)
SELECT bucket, new_key(bucket), min(project_id), 'reembed_documents', collection_key, array_agg(uuid), now(), now()
FROM missing GROUP BY bucket, collection_key, part
RETURNING id

-- name: drop_retired
-- As for messages: not at once, since other processes may not know yet that search has moved on.
DELETE FROM document_embeddings WHERE (bucket, collection_key, uuid, model) IN (
    SELECT e.bucket, e.collection_key, e.uuid, e.model FROM document_embeddings AS e
    JOIN embedding_models AS m ON m.id = e.model AND m.state = 'retired' AND m.changed_at < now() - interval '1 minute'
    LIMIT $1
)
RETURNING uuid

-- name: lexical
-- The documents that hold any of the words ($7, in the full text configuration $6) and fulfil a filter ($5), best first,
-- embedded or not; `distance` from the vector $8, of the width of the collection's vectors, NULL without one.
SELECT f.* FROM collections AS c
LEFT JOIN LATERAL (
    SELECT d.uuid, d.created_at, d.updated_at, coalesce(d.document_id, '') AS document_id, d.content, d.metadata,
        e.embedding::text AS embedding, e.embedding <=> $8::vector AS distance
    FROM documents AS d
    LEFT JOIN document_embeddings AS e
        ON e.bucket = d.bucket AND e.collection_key = d.collection_key AND e.uuid = d.uuid
            AND e.model = CASE WHEN c.is_auto_embedded THEN $4::smallint ELSE 0 END
    WHERE d.bucket = c.bucket AND d.collection_key = c.key
        AND to_tsvector(d.language, left(d.content, 65536)) @@ to_tsquery($6::text::regconfig, $7)
        AND ($5::jsonb IS NULL OR metadata_matches(d.metadata, $5))
    ORDER BY ts_rank(to_tsvector(d.language, left(d.content, 65536)), to_tsquery($6::text::regconfig, $7)) DESC, d.uuid
    LIMIT $9
) AS f ON true
WHERE c.bucket = $1 AND c.project_id = $2 AND c.name = $3
