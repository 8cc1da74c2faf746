-- The models that vectors were made with; a handful of rows, the same for every bucket.
-- Search uses the vectors of the active model; a new one is filled in the background and then takes its place.
CREATE TABLE embedding_models (
    id smallint PRIMARY KEY,
    provider text NOT NULL,
    name text NOT NULL,
    width integer NOT NULL,
    state text NOT NULL CHECK (state IN ('filling', 'active', 'retired')),
    changed_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (provider, name, width)
);
CREATE UNIQUE INDEX embedding_models_active ON embedding_models (state) WHERE state = 'active';

-- Vectors of messages, of unit length, so that the inner product is the cosine. Narrow and inline: a search reads
-- nothing else. `user_key` lets one user's vectors be read together; NULL for a session without a user.
CREATE TABLE message_embeddings (
    bucket smallint NOT NULL,
    session_key uuid NOT NULL,
    seq bigint NOT NULL,
    model smallint NOT NULL,
    project_id text NOT NULL,
    user_key uuid,
    embedding halfvec NOT NULL,
    PRIMARY KEY (bucket, session_key, seq, model)
) WITH (toast_tuple_target = 8160);
ALTER TABLE message_embeddings ALTER COLUMN embedding SET STORAGE MAIN;

CREATE INDEX message_embeddings_of_user ON message_embeddings (bucket, user_key, model) WHERE user_key IS NOT NULL;
