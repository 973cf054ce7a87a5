-- A client of bench:serve: counts for the table, as one line of JSON. WRK_NAMES: paths to ask for in turn, one a line.
local names = {}
local file = os.getenv("WRK_NAMES")
if file then
  for line in io.lines(file) do names[#names + 1] = line end
  local at = 0
  request = function()
    at = at % #names + 1
    return wrk.format("GET", names[at])
  end
end
local etag = os.getenv("WRK_ETAG")
if etag then wrk.headers["If-None-Match"] = etag end

done = function(summary)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.timeout + errors.status
  io.write(string.format('\nJSON {"requests":%d,"bytes":%d,"seconds":%f,"failed":%d}\n',
    summary.requests, summary.bytes, summary.duration / 1e6, failed))
end
