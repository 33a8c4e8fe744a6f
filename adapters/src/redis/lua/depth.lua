-- depth: how full a shard is.
-- Returns {now, resumed, fresh, suspects, claimed, waits, oldest ready or 0}
local oldest = 0
local depth = {}
for i, lane in ipairs({ 'resumed', 'fresh', 'suspects', 'alone' }) do
  local k = P .. ':lane:' .. lane
  depth[i] = redis.call('LLEN', k)
  local first = redis.call('LINDEX', k, 0)
  local r = first and load(first)
  if r and (oldest == 0 or r.ready < oldest) then oldest = r.ready end
end
return { now, depth[1], depth[2], depth[3] + depth[4], redis.call('ZCARD', P .. ':claims'), redis.call('ZCARD', P .. ':waits'), oldest }
