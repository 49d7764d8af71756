-- Load of the bench: one JSON-RPC request over and over, and one line of JSON with the result.

wrk.method = "POST"
wrk.body = os.getenv("BENCH_BODY")
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Accept"] = "application/json, text/event-stream"
wrk.headers["MCP-Protocol-Version"] = "2025-11-25"
local token = os.getenv("BENCH_TOKEN")
if token then
  wrk.headers["Authorization"] = "Bearer " .. token
end
local host = os.getenv("BENCH_HOST")
if host then
  wrk.headers["Host"] = host
end

-- Each of these costs something for every request, so it is there only where it is asked for.
local stop_after = tonumber(os.getenv("BENCH_STOP_AFTER"))
if stop_after then
  local seen = 0
  function response()
    seen = seen + 1
    if seen >= stop_after then
      wrk.thread:stop()
    end
  end
end
local pause_ms = tonumber(os.getenv("BENCH_PAUSE_MS"))
if pause_ms then
  function delay()
    return pause_ms
  end
end

function done(summary, latency)
  local errors = summary.errors
  local bad = errors.connect + errors.read + errors.write + errors.timeout + errors.status
  io.write(string.format(
    '{"perSecond":%.1f,"p50ms":%.3f,"p99ms":%.3f,"requests":%d,"bad":%d}\n',
    summary.requests / (summary.duration / 1e6),
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, summary.requests, bad))
end
