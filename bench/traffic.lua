-- The same requests as traffic.py, for wrk, which costs the least. The operation and the number of sessions come from
-- the environment.
local operation, sessions = os.getenv("OPERATION"), tonumber(os.getenv("SESSIONS"))
local add = os.getenv("ADD_BODY")

function setup(thread)
  started = (started or 0) + 1
  thread:set("seed", os.time() * 31 + started)
end

function init(arguments)
  math.randomseed(seed)
end

function request()
  local number = math.random(1, sessions)
  local session = "/api/v1/sessions/bench-" .. number
  local what = operation
  if what == "mixed" then
    what = math.random() < 0.2 and "add" or "get"
  end
  if what == "add" then
    return wrk.format("POST", session .. "/memory", nil, add)
  elseif what == "get" then
    return wrk.format("GET", session .. "/memory")
  elseif what == "patch" then
    return wrk.format("PATCH", session, nil, '{"metadata": {"turn": {"last": ' .. number .. '}}}')
  elseif what == "list" then
    return wrk.format("GET", "/api/v1/sessions?limit=20&cursor=" .. number)
  end
  return wrk.format("POST", session .. "/search", nil, '{"text": "what was said about the meeting ' .. number % 20 .. '"}')
end

function done(summary, latency, requests)
  local errors = summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout
  io.write(string.format(
    '\n{"requests": %d, "errors": %d, "seconds": %f, "p50": %f, "p95": %f, "p99": %f}\n',
    summary.requests, errors, summary.duration / 1e6,
    latency:percentile(50) / 1e3, latency:percentile(95) / 1e3, latency:percentile(99) / 1e3))
end
