-- name: add
-- Everything an added memory does, in one statement and one flush: the session touched (and brought back if it was
-- deleted) or, when $4 names a new one, created; the messages stored in order; the jobs
-- enqueued, each for at most 64 messages.
-- A message whose uuid the session already has is updated in its place, which is noted for those who hold a copy, and
-- its vectors and, if it says something else now, its annotations go; a deleted one's uuid starts anew.
-- Always one row; a NULL key means that the place was wrong, or the new name is taken: look the name up.
WITH named AS (
    INSERT INTO session_names (name_bucket, project_id, name, bucket, session_key)
    SELECT $1, $3, $4, $1, $2 WHERE $4::text IS NOT NULL
    ON CONFLICT DO NOTHING
    RETURNING bucket, session_key
), created AS (
    INSERT INTO sessions (bucket, key, project_id, id, session_id, name_bucket, created_at, updated_at, last_seq)
    SELECT bucket, session_key, $3, nextval('session_ids'), $4, bucket, $5, $5, cardinality($6::uuid[]) FROM named
    RETURNING bucket, key, 0::bigint AS base, cleared_seq
), touched AS (
    UPDATE sessions SET last_seq = last_seq + cardinality($6::uuid[]), updated_at = $5, deleted_at = NULL
    WHERE bucket = $1 AND key = $2 AND $4::text IS NULL
    RETURNING bucket, key, last_seq - cardinality($6::uuid[]) AS base, cleared_seq
), session AS (
    TABLE created UNION ALL TABLE touched
), stored AS (
    INSERT INTO messages AS m (bucket, session_key, seq, project_id, uuid, token_count, language, created_at,
                               updated_at, role, content, metadata)
    SELECT s.bucket, s.key, s.base + n.place, $3, n.uuid, n.token_count, $13::text::regconfig,
        coalesce(n.created_at::timestamptz, $5), $5, n.role, n.content, n.metadata::jsonb
    FROM session AS s, unnest($6::uuid[], $7::text[], $8::text[], $9::text[], $10::integer[], $11::text[])
        WITH ORDINALITY AS n (uuid, role, content, metadata, token_count, created_at, place)
    ON CONFLICT (bucket, session_key, uuid) DO UPDATE SET
        seq = CASE WHEN m.seq > (SELECT cleared_seq FROM session) THEN m.seq ELSE excluded.seq END,
        created_at = CASE WHEN m.seq > (SELECT cleared_seq FROM session) THEN m.created_at ELSE excluded.created_at END,
        metadata = CASE WHEN m.seq > (SELECT cleared_seq FROM session)
            THEN metadata_merge(CASE WHEN m.content = excluded.content THEN m.metadata
                ELSE without_annotations(m.metadata) END, excluded.metadata) ELSE excluded.metadata END,
        has_entities = m.has_entities AND m.content = excluded.content AND m.seq > (SELECT cleared_seq FROM session),
        has_intent = m.has_intent AND m.content = excluded.content AND m.seq > (SELECT cleared_seq FROM session),
        role = excluded.role, content = excluded.content, token_count = excluded.token_count,
        language = excluded.language, updated_at = excluded.updated_at
    RETURNING m.seq
), rewritten AS (
    SELECT s.bucket, s.key, s.base + cardinality($6::uuid[]) AS last_seq, r.seq
    FROM session AS s JOIN stored AS r ON r.seq <= s.base
), forgotten AS (
    DELETE FROM message_embeddings WHERE bucket = $1 AND session_key = $2 AND seq IN (SELECT seq FROM rewritten)
), noted AS (
    INSERT INTO session_rewrites AS w (bucket, session_key, project_id, seq)
    SELECT DISTINCT bucket, key, $3, last_seq FROM rewritten
    ON CONFLICT (bucket, session_key) DO UPDATE SET seq = excluded.seq
), queued AS (
    INSERT INTO jobs (bucket, id, project_id, kind, about, items, run_at, created_at)
    SELECT s.bucket, new_key(s.bucket), $3, kind, s.key, ($6::uuid[])[first : first + 63], now(), now()
    FROM session AS s, unnest($12::text[]) AS kind, generate_series(1, cardinality($6::uuid[]), 64) AS first
)
SELECT (SELECT key FROM session) AS key

-- name: memory
-- The newest summary and the messages after its point, at most $4 of the newest, or the last $3 whatever the summary,
-- as the JSON that is answered. No row: no such session.
SELECT convert_to(concat(
    '{"messages":[', (
        SELECT string_agg(recent.json, ',' ORDER BY recent.seq) FROM (
            SELECT m.seq, message_json(m) AS json FROM messages AS m
            WHERE m.bucket = s.bucket AND m.session_key = s.key
                AND m.seq > CASE WHEN $3::integer > 0 THEN s.cleared_seq ELSE coalesce(summary.seq, s.cleared_seq) END
            ORDER BY m.seq DESC LIMIT CASE WHEN $3::integer > 0 THEN $3::integer ELSE $4::integer END
        ) AS recent
    ), '],"summary":', coalesce(summary.json, $5), '}'), 'UTF8') AS memory
FROM sessions AS s
LEFT JOIN LATERAL (
    SELECT y.seq, summary_json(y) AS json FROM summaries AS y
    WHERE y.bucket = s.bucket AND y.session_key = s.key AND y.seq = s.summarised_seq AND s.summarised_seq > s.cleared_seq
) AS summary ON true
WHERE s.bucket = $1 AND s.key = $2 AND s.deleted_at IS NULL

-- name: page
-- One page of a session's messages, oldest first, as a JSON list; how many are on it, and how many there are in all (0
-- past the end). No row: no such session.
SELECT convert_to(concat('[', page.json, ']'), 'UTF8') AS messages, page.size,
    CASE WHEN page.size > 0 THEN (
        SELECT count(*) FROM messages AS c WHERE c.bucket = s.bucket AND c.session_key = s.key AND c.seq > s.cleared_seq
    ) ELSE 0 END AS total
FROM sessions AS s
CROSS JOIN LATERAL (
    SELECT string_agg(listed.json, ',' ORDER BY listed.seq) AS json, count(*) AS size FROM (
        SELECT m.seq, message_json(m) AS json FROM messages AS m
        WHERE m.bucket = s.bucket AND m.session_key = s.key AND m.seq > s.cleared_seq
        ORDER BY m.seq LIMIT $3 OFFSET $4
    ) AS listed
) AS page
WHERE s.bucket = $1 AND s.key = $2 AND s.deleted_at IS NULL

-- name: get
SELECT m.uuid, m.created_at, m.updated_at, m.role, m.content, m.token_count, m.metadata
FROM sessions AS s
JOIN messages AS m ON m.bucket = s.bucket AND m.session_key = s.key AND m.seq > s.cleared_seq
WHERE s.bucket = $1 AND s.key = $2 AND s.deleted_at IS NULL AND m.uuid = $3

-- name: patch
-- A name in the metadata says who speaks: when it may have changed, that is noted for those who hold a copy, as a
-- rewritten message is. A seq is given out for it, so that they can tell the note is new.
WITH patched AS (
    UPDATE messages AS m
    SET metadata = metadata_merge(m.metadata, $4), token_count = coalesce($5, m.token_count), updated_at = $6
    FROM sessions AS s
    WHERE s.bucket = $1 AND s.key = $2 AND s.deleted_at IS NULL
        AND m.bucket = s.bucket AND m.session_key = s.key AND m.seq > s.cleared_seq AND m.uuid = $3
    RETURNING m.*
), renamed AS (
    UPDATE sessions AS s SET last_seq = last_seq + 1
    FROM patched AS p
    WHERE s.bucket = p.bucket AND s.key = p.session_key AND $4::jsonb ? 'name'
    RETURNING s.bucket, s.key, s.project_id, s.last_seq
), noted AS (
    INSERT INTO session_rewrites AS w (bucket, session_key, project_id, seq)
    SELECT bucket, key, project_id, last_seq FROM renamed
    ON CONFLICT (bucket, session_key) DO UPDATE SET seq = excluded.seq
)
SELECT uuid, created_at, updated_at, role, content, token_count, metadata FROM patched
