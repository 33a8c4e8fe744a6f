-- depth: counts the activeflows of a shard, by place.
-- Returns {now, resumed, fresh, suspects, claimed, waits, oldest ready or 0}
local oldest = 0
local depth = {}
for i, lane in ipairs({ 'resumed', 'fresh', 'suspects', 'alone' }) do
  local lane_key = key(LANE, lane)
  depth[i] = length_of(lane)
  local first = redis.call('LINDEX', lane_key, 0)
  local r = first and load(first)
  if r and (oldest == 0 or r.ready < oldest) then oldest = r.ready end
end
return { now, depth[1], depth[2], depth[3] + depth[4], redis.call('ZCARD', P .. CLAIMS), redis.call('ZCARD', P .. WAITS), oldest }
