-- claim: takes ready activeflows: resumed before fresh, longest ready first; suspects only for an idle worker.
-- ARGV 3 token (worker 16, nonce 8)  4 max  5 '1' if the worker holds nothing else
-- Returns {'dead'} | {'rows', now, suspects that wait, {id, record, control, {inbox…}, {outbox…}}…}
local SUSPECT_GROUP = 32
local token = ARGV[3]
local worker, nonce = string.sub(token, 1, 16), string.sub(token, 17)
if redis.call('HEXISTS', P .. ':dead', worker) == 1 then return { 'dead' } end

local rows = {}
local function row(r)
  rows[#rows + 1] = { r.id, redis.call('GET', key('a', r.id)), control_of(r),
    redis.call('LRANGE', key('i', r.id), 0, -1), redis.call('LRANGE', key('o', r.id), 0, -1) }
end

local function take(lane, max)
  local k = P .. ':lane:' .. lane
  local ready = {}
  local ids = max > 0 and redis.call('LRANGE', k, 0, max - 1) or {}
  for _, id in ipairs(ids) do
    local r = load(id)
    if r and r.state == 'r' then ready[#ready + 1] = r end
  end
  if #ids > 0 then redis.call('LTRIM', k, #ids, -1) end
  return ready
end

local last = redis.call('HGET', P .. ':nonces', worker)
if last and string.sub(last, 1, 8) == nonce then
  for at = 9, #last, 16 do
    local r = load(string.sub(last, at, at + 15))
    if r and r.state == 'c' and r.token == token then row(r) end
  end
else
  local max, idle = tonumber(ARGV[4]), ARGV[5] == '1'
  local ready
  if idle and redis.call('EXISTS', P .. ':lane:alone') == 1 then
    ready = take('alone', 1)
  elseif idle and redis.call('EXISTS', P .. ':lane:suspects') == 1 then
    ready = take('suspects', math.min(max, SUSPECT_GROUP))
  else
    ready = take('resumed', max)
    for _, r in ipairs(take('fresh', max - #ready)) do ready[#ready + 1] = r end
  end
  local held = nonce
  for _, r in ipairs(ready) do
    r.state, r.token = 'c', token
    save(r)
    redis.call('ZADD', P .. ':claims', int(now), r.id)
    held = held .. r.id
    row(r)
  end
  if #ready > 0 then redis.call('HSET', P .. ':nonces', worker, held) end
end
local suspects = redis.call('LLEN', P .. ':lane:suspects') + redis.call('LLEN', P .. ':lane:alone')
return { 'rows', now, suspects, rows }
