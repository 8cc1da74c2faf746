-- name: plan
-- While an import fills the tables, a plan kept from when they were empty would read them from end to end: within the
-- transaction each statement is planned anew.
SELECT set_config('plan_cache_mode', 'force_custom_plan', true)

-- name: owners
-- Users by their ids, which stay as long as the transaction lasts: nobody deletes them beside a session that is made.
SELECT u.user_id, u.key
FROM unnest($2::smallint[], $3::text[]) AS g (bucket, user_id)
JOIN users AS u ON u.bucket = g.bucket AND u.project_id = $1 AND u.user_id = g.user_id
ORDER BY u.bucket, u.user_id FOR KEY SHARE OF u

-- name: users
-- Users that are not there yet, unless their key is another's; the order of the lines gives that of the ids.
INSERT INTO users (bucket, key, project_id, id, user_id, email, first_name, last_name, metadata, created_at, updated_at)
SELECT g.bucket, g.key, $1, nextval('user_ids'), g.user_id, g.email, g.first_name, g.last_name, g.metadata::jsonb,
    g.created_at::timestamptz, g.updated_at::timestamptz
FROM unnest($2::smallint[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
        $10::text[]) WITH ORDINALITY
    AS g (bucket, key, user_id, email, first_name, last_name, metadata, created_at, updated_at, place)
WHERE NOT EXISTS (SELECT FROM users AS u WHERE u.bucket = g.bucket AND u.project_id = $1 AND u.user_id = g.user_id)
    AND NOT EXISTS (SELECT FROM users AS u WHERE u.bucket = g.bucket AND u.key = g.key)
ORDER BY g.place
ON CONFLICT DO NOTHING
RETURNING user_id

-- name: named
-- What there is of some names. A name without its session has a NULL key.
SELECT n.name, s.bucket, s.key, s.user_id, s.deleted_at IS NOT NULL AS deleted
FROM unnest($2::smallint[], $3::text[]) AS g (name_bucket, name)
JOIN session_names AS n ON n.name_bucket = g.name_bucket AND n.project_id = $1 AND n.name = g.name
LEFT JOIN sessions AS s ON s.bucket = n.bucket AND s.key = n.session_key

-- name: sessions
-- The name decides who wins, as when a session is created. Messages are counted from $2 on, which is more than any
-- session of the same key before it can have had: what is left of that, in the database or in copies, is not its own.
WITH given AS (
    SELECT * FROM unnest($3::smallint[], $4::text[], $5::smallint[], $6::uuid[], $7::text[], $8::uuid[], $9::text[],
        $10::text[], $11::text[]) WITH ORDINALITY
        AS g (name_bucket, name, bucket, key, user_id, user_key, metadata, created_at, updated_at, place)
), named AS (
    INSERT INTO session_names (name_bucket, project_id, name, bucket, session_key)
    SELECT name_bucket, $1, name, bucket, key FROM given AS g
    WHERE NOT EXISTS (SELECT FROM sessions AS s WHERE s.bucket = g.bucket AND s.key = g.key)
    ON CONFLICT DO NOTHING
    RETURNING name
)
INSERT INTO sessions (bucket, key, project_id, id, session_id, name_bucket, user_key, user_id, metadata, created_at,
                      updated_at, last_seq, cleared_seq, purged_seq)
SELECT g.bucket, g.key, $1, nextval('session_ids'), g.name, g.name_bucket, g.user_key, g.user_id, g.metadata::jsonb,
    g.created_at::timestamptz, g.updated_at::timestamptz, $2, $2, $2
FROM given AS g WHERE g.name IN (SELECT name FROM named)
ORDER BY g.place
RETURNING session_id

-- name: revive
-- Deleted sessions come back as they are given; their messages stay behind cleared_seq.
UPDATE sessions AS s
SET deleted_at = NULL, metadata = g.metadata::jsonb, created_at = g.created_at::timestamptz,
    updated_at = g.updated_at::timestamptz
FROM unnest($1::smallint[], $2::uuid[], $3::text[], $4::text[], $5::text[])
    AS g (bucket, key, metadata, created_at, updated_at)
WHERE s.bucket = g.bucket AND s.key = g.key AND s.deleted_at IS NOT NULL
RETURNING s.session_id

-- name: lock
-- Living sessions, held against whoever else adds to them or deletes them, in the order in which everybody locks; and
-- whether there were rows of messages, deleted ones included, before the lock.
SELECT s.session_id, s.bucket, s.key, s.last_seq, s.cleared_seq,
    EXISTS (SELECT FROM messages AS m WHERE m.bucket = s.bucket AND m.session_key = s.key) AS has_messages
FROM unnest($2::smallint[], $3::text[]) AS g (name_bucket, name)
JOIN session_names AS n ON n.name_bucket = g.name_bucket AND n.project_id = $1 AND n.name = g.name
JOIN sessions AS s ON s.bucket = n.bucket AND s.key = n.session_key
WHERE s.deleted_at IS NULL
ORDER BY s.bucket, s.key FOR UPDATE OF s

-- name: known
-- Which messages there are among some of each session, deleted ones included. Each is looked for by its whole key: by
-- its order, since the planner takes any session for a short one and would look through it for each message.
SELECT m.bucket, m.session_key, m.seq, m.uuid, m.role, m.content
FROM (
    SELECT g.bucket, g.session_key, uuid
    FROM unnest($1::smallint[], $2::uuid[], $3::text[]) AS g (bucket, session_key, uuids), unnest(g.uuids::uuid[]) AS uuid
    OFFSET 0
) AS given
CROSS JOIN LATERAL (
    SELECT * FROM messages AS m
    WHERE m.bucket = given.bucket AND m.session_key = given.session_key AND m.uuid >= given.uuid
    ORDER BY m.uuid LIMIT 1
) AS m
WHERE m.uuid = given.uuid

-- name: forget
-- Deleted messages whose uuids start anew.
DELETE FROM messages AS m USING unnest($1::smallint[], $2::uuid[], $3::bigint[]) AS g (bucket, session_key, seq)
WHERE m.bucket = g.bucket AND m.session_key = g.session_key AND m.seq = g.seq

-- name: language
SELECT $1::text::regconfig::oid AS oid

-- name: added
-- After messages were copied in: how far their sessions have grown, and the jobs.
WITH grown AS (
    UPDATE sessions AS s SET last_seq = g.last_seq
    FROM unnest($2::smallint[], $3::uuid[], $4::bigint[]) AS g (bucket, key, last_seq)
    WHERE s.bucket = g.bucket AND s.key = g.key
)
INSERT INTO jobs (bucket, id, project_id, kind, about, items, run_at, created_at)
SELECT j.bucket, new_key(j.bucket), $1, kind, j.session_key, j.items::uuid[], now(), now()
FROM unnest($5::smallint[], $6::uuid[], $7::text[]) AS j (bucket, session_key, items), unnest($8::text[]) AS kind

-- name: summaries
-- A summary lies at the seq of the newest message it covers; with the jobs ($11) that it makes necessary.
WITH stored AS (
    INSERT INTO summaries (bucket, session_key, seq, project_id, uuid, recent_message_uuid, content, metadata,
                           token_count, created_at)
    SELECT bucket, session_key, seq, $1, uuid, recent_message_uuid, content, metadata::jsonb, token_count,
        created_at::timestamptz
    FROM unnest($2::smallint[], $3::uuid[], $4::bigint[], $5::uuid[], $6::uuid[], $7::text[], $8::text[], $9::integer[],
            $10::text[])
        AS g (bucket, session_key, seq, uuid, recent_message_uuid, content, metadata, token_count, created_at)
    ON CONFLICT (bucket, session_key, seq) DO NOTHING
    RETURNING bucket, session_key, seq, uuid
), pointed AS (
    UPDATE sessions AS s SET summarised_seq = greatest(s.summarised_seq, p.seq)
    FROM (SELECT bucket, session_key, max(seq) AS seq FROM stored GROUP BY bucket, session_key) AS p
    WHERE s.bucket = p.bucket AND s.key = p.session_key
), parts AS (
    SELECT *, (row_number() OVER (PARTITION BY bucket, session_key ORDER BY seq) - 1) / 64 AS part FROM stored
), queued AS (
    INSERT INTO jobs (bucket, id, project_id, kind, about, items, run_at, created_at)
    SELECT p.bucket, new_key(p.bucket), $1, kind, p.session_key, array_agg(p.uuid ORDER BY p.seq), now(), now()
    FROM parts AS p, unnest($11::text[]) AS kind
    GROUP BY p.bucket, p.session_key, p.part, kind
)
SELECT uuid FROM stored

-- name: summarised
-- The summaries that are there.
SELECT y.session_key, y.seq, y.uuid
FROM unnest($1::smallint[], $2::uuid[], $3::bigint[]) AS g (bucket, session_key, seq)
JOIN summaries AS y ON y.bucket = g.bucket AND y.session_key = g.session_key AND y.seq = g.seq
