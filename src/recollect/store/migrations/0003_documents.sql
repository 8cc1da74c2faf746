-- Lie in the bucket of their name. A collection's documents are read only through this row, so that it can go at once
-- and what it held in batches after it.
CREATE TABLE collections (
    bucket smallint NOT NULL CHECK (bucket BETWEEN 0 AND 4095),  -- of (project_id, name)
    key uuid NOT NULL,
    project_id text NOT NULL,
    name text NOT NULL,
    description text NOT NULL DEFAULT '',
    metadata jsonb,
    width integer NOT NULL CHECK (width BETWEEN 8 AND 2000),  -- as declared
    is_auto_embedded boolean NOT NULL,
    indexed_model smallint,  -- whose vectors the approximate index holds, once there is one
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (bucket, project_id, name),
    UNIQUE (bucket, key)
);

CREATE INDEX collections_by_age ON collections (project_id, created_at);

CREATE TABLE documents (
    bucket smallint NOT NULL,
    collection_key uuid NOT NULL,
    uuid uuid NOT NULL,
    project_id text NOT NULL,
    document_id text,
    language regconfig NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    content text NOT NULL,
    metadata jsonb,
    PRIMARY KEY (bucket, collection_key, uuid)
);

-- In this order, so that before there are statistics no search by uuid is planned to read a whole collection by it.
CREATE UNIQUE INDEX documents_by_document_id ON documents (bucket, document_id, collection_key)
    WHERE document_id IS NOT NULL;
CREATE INDEX documents_fulltext ON documents USING gin (to_tsvector(language, left(content, 65536)));

-- Vectors of documents: as given, under model 0, or made by a model. Narrow and inline: a search reads nothing else.
-- A document is embedded when it has the vector that its collection is searched by: of the active model when the
-- collection is embedded automatically, else the one given. Collections of any width lie side by side.
CREATE TABLE document_embeddings (
    bucket smallint NOT NULL,
    collection_key uuid NOT NULL,
    uuid uuid NOT NULL,
    model smallint NOT NULL,
    project_id text NOT NULL,
    embedding vector NOT NULL,
    PRIMARY KEY (bucket, collection_key, uuid, model),
    FOREIGN KEY (bucket, collection_key, uuid) REFERENCES documents (bucket, collection_key, uuid) ON DELETE CASCADE
) WITH (toast_tuple_target = 8160);
ALTER TABLE document_embeddings ALTER COLUMN embedding SET STORAGE MAIN;

-- The documents nearest to a vector by a collection's own approximate index, in no order. When the index finds fewer
-- than wanted, all are looked at, and some may appear twice.
-- The index is partial: the planner proves that it serves only when the query names the collection literally.
CREATE FUNCTION documents_nearest(
    bucket smallint, collection_key uuid, model smallint, width integer, query vector, wanted integer
) RETURNS TABLE (uuid uuid, distance float8) LANGUAGE plpgsql AS $$
DECLARE
    nearest text := format(
        'SELECT e.uuid, e.embedding::vector(%1$s) <=> $1 FROM document_embeddings AS e '
        'WHERE e.bucket = %2$s AND e.collection_key = %3$L AND e.model = %4$s '
        'ORDER BY (e.embedding::vector(%1$s) <=> $1)', width, bucket, collection_key, model);
    found bigint;
BEGIN
    PERFORM set_config('hnsw.ef_search', least(greatest(wanted, 100), 1000)::text, true),
        set_config('hnsw.iterative_scan', 'relaxed_order', true),
        set_config('enable_sort', 'off', true);
    RETURN QUERY EXECUTE format('%s LIMIT %s', nearest, wanted) USING query;
    GET DIAGNOSTICS found = ROW_COUNT;
    IF found < wanted THEN
        RETURN QUERY EXECUTE format('%s + 0 LIMIT %s', nearest, wanted) USING query;
    END IF;
END $$;
