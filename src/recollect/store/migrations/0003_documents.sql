CREATE TABLE collections (
    bucket smallint NOT NULL CHECK (bucket BETWEEN 0 AND 4095),  -- of (project_id, name)
    key uuid NOT NULL,
    project_id text NOT NULL,
    name text NOT NULL,
    description text NOT NULL DEFAULT '',
    metadata jsonb,
    width integer NOT NULL CHECK (width BETWEEN 8 AND 2000),
    is_auto_embedded boolean NOT NULL,
    indexed_at timestamptz,  -- when the approximate index was finished
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
    content text NOT NULL DEFAULT '',
    metadata jsonb,
    embedding vector,  -- as given, or as the model made it; NULL: not embedded yet
    PRIMARY KEY (bucket, collection_key, uuid),
    UNIQUE (bucket, collection_key, document_id),
    FOREIGN KEY (bucket, collection_key) REFERENCES collections (bucket, key) ON DELETE CASCADE
) WITH (toast_tuple_target = 8160);
ALTER TABLE documents ALTER COLUMN embedding SET STORAGE MAIN;

CREATE INDEX documents_fulltext ON documents USING gin (to_tsvector(language, left(content, 65536)));
