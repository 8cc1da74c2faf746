-- name: look
-- Which sessions that jobs are about may have something to summarise: those with as many numbers given out since the
-- last summary as the window ($4) has messages. Other jobs about them that nobody has begun are done with these. A job
-- whose session another job, taken before it, is still about steps back for a second: so no session is summarised by
-- two at once. `|| ''` keeps the scan on the jobs about a session: an index by kind would lead through all that wait.
WITH asked AS (
    SELECT * FROM unnest($1::smallint[], $2::uuid[], $3::uuid[]) AS j (bucket, id, session_key)
), absorbed AS (
    DELETE FROM jobs AS j USING asked AS a
    WHERE j.bucket = a.bucket AND j.about = a.session_key AND j.kind || '' = 'summarise'
        AND j.leased_by IS NULL AND j.failed_at IS NULL AND j.attempts = 0
), busy AS (
    SELECT a.bucket, a.id FROM asked AS a
    JOIN jobs AS j ON j.bucket = a.bucket AND j.id = a.id
    WHERE EXISTS (
        SELECT FROM jobs AS o
        WHERE o.bucket = a.bucket AND o.about = a.session_key AND o.kind || '' = 'summarise' AND o.id <> ALL ($2)
            AND o.leased_by IS NOT NULL AND o.run_at > now() AND (o.run_at, o.id) < (j.run_at, j.id))
), stepped_back AS (
    UPDATE jobs AS j SET leased_by = NULL, run_at = now() + interval '1 second', attempts = j.attempts - 1
    FROM busy AS b WHERE j.bucket = b.bucket AND j.id = b.id AND j.leased_by IS NOT NULL
)
SELECT DISTINCT s.bucket, s.key FROM asked AS a
JOIN sessions AS s ON s.bucket = a.bucket AND s.key = a.session_key AND s.deleted_at IS NULL
WHERE s.last_seq - greatest(s.summarised_seq, s.cleared_seq) >= $4
    AND NOT EXISTS (SELECT FROM busy AS b WHERE b.bucket = a.bucket AND b.id = a.id)

-- name: point
-- How far a live session is summarised and cleared, and what its newest summary says.
SELECT s.summarised_seq, s.cleared_seq, coalesce(y.content, '') AS content
FROM sessions AS s
LEFT JOIN summaries AS y
    ON y.bucket = s.bucket AND y.session_key = s.key AND y.seq = s.summarised_seq AND y.seq > s.cleared_seq
WHERE s.bucket = $1 AND s.key = $2 AND s.deleted_at IS NULL

-- name: backlog
-- The oldest messages after a seq: enough of each to tell how long it is, and whether it is blank.
SELECT seq, uuid, octet_length(content) AS bytes, left(content, 200) AS beginning
FROM messages
WHERE bucket = $1 AND session_key = $2 AND seq > $3
ORDER BY seq LIMIT $4

-- name: lines
-- What was said after one seq and up to another.
SELECT left(role, 100) AS role, content FROM messages
WHERE bucket = $1 AND session_key = $2 AND seq > $3 AND seq <= $4
ORDER BY seq

-- name: put
-- A summary up to $5, if its session lives, nothing of it was deleted since it was read ($3) and nobody else has
-- summarised it ($4); with the jobs ($10) that this makes necessary, about the summary, or the session ('summarise').
WITH session AS (
    UPDATE sessions SET summarised_seq = $5
    WHERE bucket = $1 AND key = $2 AND deleted_at IS NULL AND cleared_seq = $3 AND summarised_seq = $4
    RETURNING bucket, key, project_id
), stored AS (
    INSERT INTO summaries (bucket, session_key, seq, project_id, uuid, recent_message_uuid, content, token_count,
                           created_at)
    SELECT bucket, key, $5, project_id, new_key(bucket), $6, $7, $8, $9 FROM session
    RETURNING bucket, session_key, project_id, uuid
), queued AS (
    INSERT INTO jobs (bucket, id, project_id, kind, about, items, run_at, created_at)
    SELECT s.bucket, new_key(s.bucket), s.project_id, kind, s.session_key,
        CASE kind WHEN 'summarise' THEN '{}' ELSE ARRAY[s.uuid] END, now(), now()
    FROM stored AS s, unnest($10::text[]) AS kind
)
SELECT uuid FROM stored

-- name: list
-- The summaries of a live session, oldest first, after the one with the uuid $3; one row without any if there is none.
SELECT y.uuid, y.created_at, y.content, y.recent_message_uuid, y.token_count, y.metadata
FROM sessions AS s
LEFT JOIN summaries AS y ON y.bucket = s.bucket AND y.session_key = s.key AND y.seq > s.cleared_seq
    AND ($3::uuid IS NULL OR y.seq > (
        SELECT c.seq FROM summaries AS c WHERE c.bucket = $1 AND c.session_key = $2 AND c.uuid = $3))
WHERE s.bucket = $1 AND s.key = $2 AND s.deleted_at IS NULL
ORDER BY y.seq LIMIT $4

-- name: missing
-- How many sessions of some buckets may have something to summarise, and what their messages since the last summary
-- amount to.
SELECT count(DISTINCT s.key) AS sessions, count(*) AS messages, coalesce(sum(m.token_count), 0)::bigint AS tokens
FROM sessions AS s
JOIN messages AS m
    ON m.bucket = s.bucket AND m.session_key = s.key AND m.seq > greatest(s.summarised_seq, s.cleared_seq)
WHERE s.bucket BETWEEN $1 AND $2 AND s.project_id = $3 AND s.deleted_at IS NULL
    AND s.last_seq - greatest(s.summarised_seq, s.cleared_seq) >= $7
    AND ($4::uuid IS NULL OR s.key = $4)
    AND ($5::text IS NULL OR s.user_id = $5)
    AND ($6::timestamptz IS NULL OR s.updated_at >= $6)

-- name: enqueue_missing
-- A job for each of these sessions, unless one waits already.
INSERT INTO jobs (bucket, id, project_id, kind, about, run_at, created_at)
SELECT s.bucket, new_key(s.bucket), s.project_id, 'summarise', s.key, now(), now()
FROM sessions AS s
WHERE s.bucket BETWEEN $1 AND $2 AND s.project_id = $3 AND s.deleted_at IS NULL
    AND s.last_seq - greatest(s.summarised_seq, s.cleared_seq) >= $7
    AND ($4::uuid IS NULL OR s.key = $4)
    AND ($5::text IS NULL OR s.user_id = $5)
    AND ($6::timestamptz IS NULL OR s.updated_at >= $6)
    AND NOT EXISTS (
        SELECT FROM jobs AS j
        WHERE j.bucket = s.bucket AND j.about = s.key AND j.kind = 'summarise' AND j.failed_at IS NULL)
RETURNING id
