-- name: claim
-- Lease the oldest due jobs of a kind: at most $2 jobs and, after the first, no more than fit into $3 items.
-- The lease is the row's own: when it runs out, the job is due again, and taken alone: it may have killed its worker.
WITH due AS (
    SELECT bucket, id, cardinality(items) AS size, run_at, leased_by IS NOT NULL AS lost FROM jobs
    WHERE kind = $1 AND failed_at IS NULL AND run_at <= now()
    ORDER BY run_at LIMIT $2 FOR UPDATE SKIP LOCKED
), fitting AS (
    SELECT bucket, id, row_number() OVER oldest AS place, sum(size) OVER oldest AS total, bool_or(lost) OVER oldest
        AS lost
    FROM due WINDOW oldest AS (ORDER BY run_at, id)
)
UPDATE jobs AS j
SET leased_by = $4, run_at = now() + $5 * interval '1 second', attempts = j.attempts + 1
FROM fitting AS f
WHERE j.bucket = f.bucket AND j.id = f.id AND (f.place = 1 OR (f.total <= $3 AND NOT f.lost))
RETURNING j.bucket, j.id, j.project_id, j.kind, j.about, j.items, j.attempts

-- name: finish
DELETE FROM jobs AS j USING unnest($1::smallint[], $2::uuid[]) AS d (bucket, id)
WHERE j.bucket = d.bucket AND j.id = d.id AND j.leased_by = $3

-- name: postpone
-- Try again in $4 seconds; $6 gives the attempt back, when it was not the job's fault.
UPDATE jobs SET leased_by = NULL, run_at = now() + $4 * interval '1 second', error = $5,
    attempts = CASE WHEN $6 THEN attempts - 1 ELSE attempts END
WHERE bucket = $1 AND id = $2 AND leased_by = $3

-- name: fail
UPDATE jobs SET leased_by = NULL, failed_at = now(), error = $4
WHERE bucket = $1 AND id = $2 AND leased_by = $3

-- name: list
-- Newest last. $2 is a state or NULL, $3 a kind or NULL, $4 the id after which to go on or NULL.
SELECT id, kind, CASE WHEN failed_at IS NOT NULL THEN 'failed' WHEN leased_by IS NOT NULL THEN 'leased' ELSE 'due' END
        AS state,
    about, cardinality(items) AS items, attempts, run_at, created_at, failed_at, error
FROM jobs
WHERE project_id = $1
    AND ($2::text IS NULL OR CASE $2::text
        WHEN 'failed' THEN failed_at IS NOT NULL
        WHEN 'leased' THEN leased_by IS NOT NULL
        ELSE failed_at IS NULL AND leased_by IS NULL END)
    AND ($3::text IS NULL OR kind = $3::text)
    AND ($4::uuid IS NULL OR id > $4::uuid)
ORDER BY id LIMIT $5

-- name: retry
-- A failed job becomes due, with all its attempts before it.
UPDATE jobs SET failed_at = NULL, attempts = 0, run_at = now()
WHERE bucket = $1 AND id = $2 AND project_id = $3 AND failed_at IS NOT NULL
RETURNING kind

-- name: retry_failed
UPDATE jobs SET failed_at = NULL, attempts = 0, run_at = now()
WHERE project_id = $1 AND failed_at IS NOT NULL
RETURNING id

-- name: pending
-- Whether any of these items still waits for a job of this kind, be it for somebody to look at it.
SELECT EXISTS (
    SELECT FROM jobs WHERE bucket = $1 AND about = $2 AND kind = $3 AND items && $4::uuid[]
) AS pending

-- name: overview
-- How much waits, how much has failed, how old the oldest waiting one is.
SELECT kind, count(*) FILTER (WHERE failed_at IS NULL) AS waiting,
    count(*) FILTER (WHERE failed_at IS NOT NULL) AS failed,
    coalesce(extract(epoch FROM now() - min(created_at) FILTER (WHERE failed_at IS NULL)), 0)::float8 AS oldest_seconds
FROM jobs GROUP BY kind

-- name: announce
-- For workers in other processes. Sent from a connection of its own, never inside a write: NOTIFY serialises commits.
SELECT pg_notify('recollect_jobs', '')

-- name: release
-- A worker that stops in good order leaves nothing for a lease to run out on.
UPDATE jobs SET leased_by = NULL, run_at = now(), attempts = attempts - 1
WHERE leased_by = ANY ($1::uuid[])
