-- One POST as a service sends it; what came of it is printed as one line of JSON.
local path, bytes = os.getenv("BENCH_PATH"), tonumber(os.getenv("BENCH_BODY_BYTES"))

local head = '{"fields":{"TITLE":"'
local tail = '","STAGE_ID":"NEW","OPPORTUNITY":"1500","CURRENCY_ID":"EUR"}}'

wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Accept"] = "application/json"
wrk.body = head .. string.rep("x", bytes - #head - #tail) .. tail

function init()
    request_text = wrk.format(nil, path)
end

function request()
    return request_text
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        'RESULT {"requests":%d,"seconds":%.6f,"p50_us":%d,"p99_us":%d,"bytes":%d,"errors":%d}\n',
        summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99), summary.bytes,
        errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
