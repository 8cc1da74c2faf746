-- name: messages
-- The live messages among those named that no model has annotated yet ($4: `entities` or `intents`), and the names of
-- those who take part: the session's user, and who spoke in it last. Only the beginning of a long text is read.
WITH live AS (
    SELECT m.bucket, m.session_key, m.seq, left(m.content, $5::integer) AS content,
        extract(epoch FROM m.created_at)::float8 AS created_at, has_better_entities(m.metadata) AS is_settled,
        s.user_key, s.cleared_seq
    FROM (SELECT DISTINCT * FROM unnest($1::smallint[], $2::uuid[], $3::uuid[])) AS n (bucket, session_key, uuid)
    JOIN sessions AS s ON s.bucket = n.bucket AND s.key = n.session_key AND s.deleted_at IS NULL
    JOIN messages AS m ON m.bucket = n.bucket AND m.session_key = n.session_key AND m.uuid = n.uuid
        AND m.seq > s.cleared_seq
    WHERE NOT CASE $4::text WHEN 'entities' THEN m.has_entities ELSE m.has_intent END
), people AS (
    SELECT s.bucket, s.session_key, array_agg(DISTINCT left(p.name, 100)) AS names
    FROM (SELECT DISTINCT bucket, session_key, user_key, cleared_seq FROM live) AS s
    CROSS JOIN LATERAL (
        SELECT unnest(ARRAY[u.first_name, u.last_name]) AS name FROM users AS u
        WHERE u.bucket = s.bucket AND u.key = s.user_key
        UNION ALL (
            SELECT r.metadata ->> 'name' FROM messages AS r
            WHERE r.bucket = s.bucket AND r.session_key = s.session_key AND r.seq > s.cleared_seq
            ORDER BY r.seq DESC LIMIT 100)
    ) AS p
    WHERE p.name <> ''
    GROUP BY s.bucket, s.session_key
)
SELECT l.bucket, l.session_key, l.seq, l.content, l.created_at, l.is_settled, coalesce(p.names, '{}') AS names
FROM live AS l LEFT JOIN people AS p ON p.bucket = l.bucket AND p.session_key = l.session_key
ORDER BY l.bucket, l.session_key, l.seq

-- name: put
-- Merges what was noted ($6, under `system`) into the metadata of live messages that still say what was read. $7 and $8:
-- a model has looked for entities, or the intent. What changes nothing writes nothing.
UPDATE messages AS m
SET metadata = metadata_merge(m.metadata, v.noted), updated_at = $5,
    has_entities = m.has_entities OR $7, has_intent = m.has_intent OR $8
FROM unnest($1::smallint[], $2::uuid[], $3::bigint[], $4::text[], $6::text[])
    AS n (bucket, session_key, seq, content, noted)
CROSS JOIN LATERAL (SELECT n.noted::jsonb AS noted) AS v
JOIN sessions AS s ON s.bucket = n.bucket AND s.key = n.session_key AND s.deleted_at IS NULL AND n.seq > s.cleared_seq
WHERE m.bucket = n.bucket AND m.session_key = n.session_key AND m.seq = n.seq
    AND left(m.content, $9::integer) = n.content
    AND (metadata_merge(m.metadata, v.noted) IS DISTINCT FROM m.metadata
        OR $7 AND NOT m.has_entities OR $8 AND NOT m.has_intent)

-- name: summaries
-- The live summaries among those named.
SELECT y.bucket, y.session_key, y.seq, y.content
FROM (SELECT DISTINCT * FROM unnest($1::smallint[], $2::uuid[], $3::uuid[])) AS n (bucket, session_key, uuid)
JOIN sessions AS s ON s.bucket = n.bucket AND s.key = n.session_key AND s.deleted_at IS NULL
JOIN summaries AS y ON y.bucket = n.bucket AND y.session_key = n.session_key AND y.uuid = n.uuid
    AND y.seq > s.cleared_seq
ORDER BY y.bucket, y.session_key, y.seq

-- name: put_summaries
-- Likewise for summaries, which never change their text.
UPDATE summaries AS y SET metadata = metadata_merge(y.metadata, n.noted::jsonb)
FROM unnest($1::smallint[], $2::uuid[], $3::bigint[], $4::text[]) AS n (bucket, session_key, seq, noted)
JOIN sessions AS s ON s.bucket = n.bucket AND s.key = n.session_key AND s.deleted_at IS NULL AND n.seq > s.cleared_seq
WHERE y.bucket = n.bucket AND y.session_key = n.session_key AND y.seq = n.seq

-- name: enqueue_missing
-- How many live messages of some buckets lack annotations of a kind ($7) and have no job to make them; how many tokens
-- they have, and how many calls of a model that takes $9 messages and $10 tokens at once. With $11, jobs are made.
-- With a model ($8), entities that only rules have found are not enough.
WITH missing AS (
    SELECT m.bucket, m.session_key, m.seq, m.uuid, m.project_id, m.token_count,
        (row_number() OVER (PARTITION BY m.bucket, m.session_key ORDER BY m.seq) - 1) / 64 AS part
    FROM messages AS m
    JOIN sessions AS s
        ON s.bucket = m.bucket AND s.key = m.session_key AND s.deleted_at IS NULL AND m.seq > s.cleared_seq
    WHERE m.bucket BETWEEN $1 AND $2 AND m.project_id = $3
        AND ($4::uuid IS NULL OR m.session_key = $4)
        AND ($5::text IS NULL OR s.user_id = $5)
        AND ($6::timestamptz IS NULL OR m.created_at >= $6)
        AND CASE
            WHEN $7::text = 'intents' THEN NOT m.has_intent AND m.metadata #> '{system,intent}' IS NULL
            WHEN $8 THEN NOT m.has_entities AND NOT has_better_entities(m.metadata)
            ELSE NOT m.has_entities AND m.metadata #> '{system,entities}' IS NULL END
        AND NOT EXISTS (
            SELECT FROM jobs AS j
            WHERE j.bucket = m.bucket AND j.about = m.session_key AND j.kind = $7 AND m.uuid = ANY (j.items))
), parts AS (
    SELECT bucket, session_key, min(project_id) AS project_id, array_agg(uuid ORDER BY seq) AS items,
        count(*) AS messages, sum(token_count) AS tokens
    FROM missing GROUP BY bucket, session_key, part
), queued AS (
    INSERT INTO jobs (bucket, id, project_id, kind, about, items, run_at, created_at)
    SELECT bucket, new_key(bucket), project_id, $7, session_key, items, now(), now() FROM parts WHERE $11
)
SELECT count(*) AS jobs, coalesce(sum(messages), 0)::bigint AS messages, coalesce(sum(tokens), 0)::bigint AS tokens,
    coalesce(sum(ceil(greatest(messages / $9::float8, tokens / $10::float8))), 0)::bigint AS calls
FROM parts
