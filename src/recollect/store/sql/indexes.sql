-- name: request
-- A job to index a collection, unless there is one: waiting, running, or failed.
INSERT INTO jobs (bucket, id, project_id, kind, about, run_at, created_at)
SELECT c.bucket, new_key(c.bucket), c.project_id, 'index_collection', c.key, now(), now()
FROM collections AS c
WHERE c.bucket = $1 AND c.project_id = $2 AND c.name = $3
    AND NOT EXISTS (
        SELECT FROM jobs AS j WHERE j.bucket = c.bucket AND j.about = c.key AND j.kind = 'index_collection')
RETURNING id

-- name: wanted
-- The vectors a collection is searched by: their model and width, and whether there are more than $3 of them.
SELECT v.model, v.width, v.model IS NOT DISTINCT FROM c.indexed_model AS indexed, EXISTS (
    SELECT FROM document_embeddings AS e WHERE e.bucket = c.bucket AND e.collection_key = c.key AND e.model = v.model
    OFFSET $3 LIMIT 1) AS many
FROM collections AS c
CROSS JOIN LATERAL (
    SELECT 0::smallint AS model, c.width WHERE NOT c.is_auto_embedded
    UNION ALL
    SELECT m.id, m.width FROM embedding_models AS m WHERE c.is_auto_embedded AND m.state = 'active'
) AS v
WHERE c.bucket = $1 AND c.key = $2

-- name: create
-- The text that creates an index for the vectors of one model ($3) and width ($4) of a collection.
SELECT format('CREATE INDEX CONCURRENTLY IF NOT EXISTS %I ON document_embeddings'
    ' USING hnsw ((embedding::vector(%s)) vector_cosine_ops) WITH (m = 16, ef_construction = 64)'
    ' WHERE bucket = %s AND collection_key = %L AND model = %s',
    $5::text, $4::integer, $1::smallint, $2::uuid, $3::smallint) AS text

-- name: drop
-- The texts that drop a collection's indexes but one ($2), and that one as well if it was not finished.
SELECT format('DROP INDEX CONCURRENTLY IF EXISTS %I', i.relname) AS text
FROM pg_index JOIN pg_class AS i ON i.oid = indexrelid
WHERE indrelid = 'document_embeddings'::regclass AND starts_with(i.relname, $1)
    AND NOT (indisvalid AND i.relname = $2)

-- name: finished
-- From now on searches use the index.
UPDATE collections SET indexed_model = $3 WHERE bucket = $1 AND key = $2 RETURNING key

-- name: sample
-- So many of a collection's vectors, at random.
SELECT uuid FROM document_embeddings WHERE bucket = $1 AND collection_key = $2 AND model = $3
ORDER BY random() LIMIT $4

-- name: recall
-- The share of the $6 documents nearest to one document that the index finds; equally near ones are equally good.
WITH probe AS (
    SELECT embedding FROM document_embeddings WHERE bucket = $1 AND collection_key = $2 AND uuid = $5 AND model = $3
), exact AS (
    SELECT (e.embedding <=> p.embedding) + 0 AS distance
    FROM probe AS p, document_embeddings AS e
    WHERE e.bucket = $1 AND e.collection_key = $2 AND e.model = $3
    ORDER BY 1 LIMIT $6
), found AS (
    SELECT DISTINCT n.uuid, n.distance
    FROM probe AS p, documents_nearest($1::smallint, $2::uuid, $3::smallint, $4::integer, p.embedding, $6::integer) AS n
)
SELECT (SELECT count(*) FROM found WHERE distance <= (SELECT max(distance) FROM exact))::float8
    / nullif((SELECT count(*) FROM exact), 0) AS recall

-- name: words
-- Whether messages are indexed by their words; one whose building was cut short does not count.
SELECT EXISTS (
    SELECT FROM pg_index JOIN pg_class AS i ON i.oid = indexrelid
    WHERE indrelid = 'messages'::regclass AND i.relname = 'messages_fulltext' AND indisvalid
) AS indexed

-- name: request_words
-- A job to index messages by their words, unless there is one: waiting, running, or failed. It is about nothing in
-- particular, so that anybody's place will do.
INSERT INTO jobs (bucket, id, project_id, kind, about, run_at, created_at)
SELECT $1, new_key($1), $2, 'index_messages', '00000000-0000-0000-0000-000000000000', now(), now()
WHERE NOT EXISTS (SELECT FROM jobs WHERE kind = 'index_messages')
RETURNING id

-- name: create_words
-- The texts that index messages by their words, each in its language. Of a prefix, because a tsvector of more than 1 MB
-- is an error and would refuse the message itself.
SELECT unnest(ARRAY[
    'DROP INDEX CONCURRENTLY IF EXISTS messages_fulltext',
    'CREATE INDEX CONCURRENTLY messages_fulltext ON messages USING gin (to_tsvector(language, left(content, 65536)))'
]) AS text
