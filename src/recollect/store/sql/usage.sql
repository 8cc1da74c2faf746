-- name: add
-- Add one call to its row of the day, $7.
INSERT INTO model_usage AS u (task, model, calls, failures, prompt_tokens, completion_tokens, seconds, day)
VALUES ($1, $2, 1, $3, $4, $5, $6, $7)
ON CONFLICT (task, model, day) DO UPDATE SET
    calls = u.calls + 1,
    failures = u.failures + excluded.failures,
    prompt_tokens = u.prompt_tokens + excluded.prompt_tokens,
    completion_tokens = u.completion_tokens + excluded.completion_tokens,
    seconds = u.seconds + excluded.seconds

-- name: totals
SELECT task, model, sum(calls)::bigint AS calls, sum(failures)::bigint AS failures,
    sum(prompt_tokens)::bigint AS prompt_tokens, sum(completion_tokens)::bigint AS completion_tokens,
    sum(seconds) AS seconds
FROM model_usage GROUP BY task, model ORDER BY task, model
