-- The schema's rules, which let the same tables run on one PostgreSQL or sharded by `bucket`:
-- every tenant table starts with a bucket (0..4095), and so does every PRIMARY KEY, UNIQUE and FOREIGN KEY;
-- project_id stands in every row; no triggers, no foreign key across buckets, no extension but `vector`.

-- A schema of our own, so that the tables get along with whatever else the database holds.
CREATE SCHEMA IF NOT EXISTS recollect;
CREATE EXTENSION IF NOT EXISTS vector SCHEMA public;

-- What has been applied of the files beside this one.
CREATE TABLE recollect_migrations (
    version integer PRIMARY KEY,
    name text NOT NULL,
    applied_at timestamptz NOT NULL
);

-- Deep merge: objects into objects, key by key; anything else replaces, null included.
-- An absent (SQL NULL) incoming value changes nothing.
CREATE FUNCTION metadata_merge(stored jsonb, incoming jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    IF incoming IS NULL THEN
        RETURN stored;
    ELSIF jsonb_typeof(stored) = 'object' AND jsonb_typeof(incoming) = 'object' THEN
        RETURN stored || coalesce(
            (SELECT jsonb_object_agg(key, metadata_merge(stored -> key, value)) FROM jsonb_each(incoming)), '{}');
    END IF;
    RETURN incoming;
END $$;

-- A UUIDv7 whose 12 rand_a bits are the bucket, for rows that a statement makes out of rows (see store/keys.py).
CREATE FUNCTION new_key(bucket smallint) RETURNS uuid LANGUAGE sql VOLATILE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0')
        || '7' || lpad(to_hex(bucket::integer), 3, '0')
        || substr(replace(gen_random_uuid()::text, '-', ''), 17))::uuid
$$;

-- The integers that lists are paged by. Taken only for a row that was really inserted, so that they stay dense.
CREATE SEQUENCE user_ids;
CREATE SEQUENCE session_ids;

CREATE TABLE users (
    bucket smallint NOT NULL CHECK (bucket BETWEEN 0 AND 4095),  -- of (project_id, user_id)
    key uuid NOT NULL,
    project_id text NOT NULL,
    id bigint NOT NULL,
    user_id text NOT NULL CHECK (octet_length(user_id) BETWEEN 1 AND 255),
    email text NOT NULL DEFAULT '',
    first_name text NOT NULL DEFAULT '',
    last_name text NOT NULL DEFAULT '',
    metadata jsonb,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (bucket, project_id, user_id),
    UNIQUE (bucket, key)
) WITH (fillfactor = 85);

CREATE INDEX users_by_id ON users (project_id, id);

-- Where a session lies. An entry never changes until it is purged, so every process may remember it.
CREATE TABLE session_names (
    name_bucket smallint NOT NULL CHECK (name_bucket BETWEEN 0 AND 4095),  -- of (project_id, name)
    project_id text NOT NULL,
    name text NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 255),
    bucket smallint NOT NULL,
    session_key uuid NOT NULL,
    PRIMARY KEY (name_bucket, project_id, name)
);

CREATE TABLE sessions (
    bucket smallint NOT NULL CHECK (bucket BETWEEN 0 AND 4095),  -- its user's, else its name's; fixed for life
    key uuid NOT NULL,
    project_id text NOT NULL,
    id bigint NOT NULL,
    session_id text NOT NULL,
    name_bucket smallint NOT NULL,
    user_key uuid,
    user_id text,
    metadata jsonb,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    last_seq bigint NOT NULL DEFAULT 0,     -- given to the newest message, under this row's lock
    cleared_seq bigint NOT NULL DEFAULT 0,  -- messages up to here are deleted, whether or not the session came back
    purged_seq bigint NOT NULL DEFAULT 0,   -- up to here they are being removed, or gone
    PRIMARY KEY (bucket, key),
    CHECK ((user_key IS NULL) = (user_id IS NULL)),
    CHECK (purged_seq <= cleared_seq AND cleared_seq <= last_seq)
) WITH (fillfactor = 85);

CREATE INDEX sessions_by_id ON sessions (project_id, id) WHERE deleted_at IS NULL;
CREATE INDEX sessions_of_user ON sessions (bucket, user_key, id) WHERE user_key IS NOT NULL;
CREATE INDEX sessions_to_purge ON sessions (bucket, key) WHERE deleted_at IS NOT NULL OR cleared_seq > purged_seq;

-- A message belongs to the session row that gave it its seq. There is no foreign key: rows are written only under
-- that row's lock and read only through it, so that a session can go at once and its messages in batches after it.
CREATE TABLE messages (
    bucket smallint NOT NULL,
    session_key uuid NOT NULL,
    seq bigint NOT NULL,
    project_id text NOT NULL,
    uuid uuid NOT NULL,
    token_count integer NOT NULL DEFAULT 0,
    language regconfig NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    role text NOT NULL,
    content text NOT NULL,
    metadata jsonb,
    PRIMARY KEY (bucket, session_key, seq),
    UNIQUE (bucket, session_key, uuid)
);

-- A prefix, because a tsvector of more than 1 MB is an error and would refuse the message itself.
CREATE INDEX messages_fulltext ON messages USING gin (to_tsvector(language, left(content, 65536)));

-- Sessions in which a message was rewritten in its place, and their last_seq at that time: who holds a copy of a
-- session from before must read it again.
CREATE TABLE session_rewrites (
    bucket smallint NOT NULL,
    session_key uuid NOT NULL,
    project_id text NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (bucket, session_key)
);

-- A summary covers the messages after the one before it, up to and including `seq`.
CREATE TABLE summaries (
    bucket smallint NOT NULL,
    session_key uuid NOT NULL,
    seq bigint NOT NULL,
    project_id text NOT NULL,
    uuid uuid NOT NULL,
    recent_message_uuid uuid NOT NULL,
    content text NOT NULL,
    metadata jsonb,
    token_count integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (bucket, session_key, seq)
);

-- What is still to be done, in the bucket of what it is about, enqueued by the statement that made it necessary.
-- due: no lease, not failed. leased: a worker has it until lease_until. failed: stays, with its error. gone: done.
CREATE TABLE jobs (
    bucket smallint NOT NULL,
    id uuid NOT NULL,
    project_id text NOT NULL,
    kind text NOT NULL,
    about uuid NOT NULL,                  -- the session or collection
    items uuid[] NOT NULL DEFAULT '{}',   -- messages or documents of it; empty: all of it
    run_at timestamptz NOT NULL,          -- not before; for a leased job the end of its lease
    attempts smallint NOT NULL DEFAULT 0,
    leased_by uuid,
    failed_at timestamptz,
    error text,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (bucket, id),
    CHECK (leased_by IS NULL OR failed_at IS NULL)
) WITH (fillfactor = 70);

CREATE INDEX jobs_due ON jobs (kind, run_at) WHERE failed_at IS NULL;
CREATE INDEX jobs_about ON jobs (bucket, about);
