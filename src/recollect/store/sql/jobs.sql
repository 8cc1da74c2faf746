-- name: overview
-- How much waits, how much has failed, how old the oldest waiting one is.
SELECT kind, count(*) FILTER (WHERE failed_at IS NULL) AS waiting, count(*) FILTER (WHERE failed_at IS NOT NULL) AS failed,
    coalesce(extract(epoch FROM now() - min(created_at) FILTER (WHERE failed_at IS NULL)), 0)::float8 AS oldest_seconds
FROM jobs GROUP BY kind
