-- Up to here messages are summarised: the seq of the newest summary. It stands in the session's row, so that of two who
-- summarise at the same time the second finds it changed, whatever its snapshot shows.
ALTER TABLE sessions ADD COLUMN summarised_seq bigint NOT NULL DEFAULT 0;

-- Vectors of summaries, of unit length, beside those of messages: a summary shares the seq of the newest message it
-- covers, so the two cannot share a table.
CREATE TABLE summary_embeddings (
    bucket smallint NOT NULL,
    session_key uuid NOT NULL,
    seq bigint NOT NULL,
    model smallint NOT NULL,
    project_id text NOT NULL,
    embedding halfvec NOT NULL,
    PRIMARY KEY (bucket, session_key, seq, model)
) WITH (toast_tuple_target = 8160);
ALTER TABLE summary_embeddings ALTER COLUMN embedding SET STORAGE MAIN;

-- What language models were asked for, by task and day; a handful of rows, the same for every bucket.
CREATE TABLE model_usage (
    task text NOT NULL,
    model text NOT NULL,
    day date NOT NULL,
    calls bigint NOT NULL DEFAULT 0,
    failures bigint NOT NULL DEFAULT 0,
    prompt_tokens bigint NOT NULL DEFAULT 0,
    completion_tokens bigint NOT NULL DEFAULT 0,
    seconds double precision NOT NULL DEFAULT 0,
    PRIMARY KEY (task, model, day)
);

-- Whether a language model has looked at a message as it stands: what it found nothing in is not asked about again.
ALTER TABLE messages ADD COLUMN has_entities boolean NOT NULL DEFAULT false;
ALTER TABLE messages ADD COLUMN has_intent boolean NOT NULL DEFAULT false;

-- Whether metadata holds entities that no rule has found: by a model, a client, or the server it was imported from.
CREATE FUNCTION has_better_entities(metadata jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(metadata #> '{system,entities}' = '[]', false)
        OR coalesce(jsonb_path_exists(metadata, '$.system.entities[*] ? (!exists(@.By))'), false)
$$;

-- Metadata without what was noted about the text, which has changed.
CREATE FUNCTION without_annotations(metadata jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN jsonb_typeof(metadata -> 'system') = 'object'
        THEN metadata #- '{system,entities}' #- '{system,intent}' ELSE metadata END
$$;
