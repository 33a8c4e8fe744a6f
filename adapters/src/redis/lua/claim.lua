-- claim: takes ready activeflows: resumed before fresh, longest ready first; suspects only for an idle worker.
-- ARGV 3 token (worker 16, nonce 8; a worker's nonces grow)  4 max  5 '1' if the worker holds nothing else
-- Returns {'dead'} | {'rows', now, suspects that wait, {id, record, control, {inbox…}, {outbox…}}…}
local SUSPECT_GROUP = 32
local token = ARGV[3]
local worker, nonce = string.sub(token, 1, 16), string.sub(token, 17)
if redis.call('HEXISTS', P .. ':dead', worker) == 1 then return { 'dead' } end

local rows = {}
local function row(r)
  rows[#rows + 1] = { r.id, head(r) .. string.sub(r.bytes, SPEC_AT), control_of(r),
    redis.call('LRANGE', key('i', r.id), 0, -1), redis.call('LRANGE', key('o', r.id), 0, -1) }
end

-- Everything is read before anything is taken: a record that is too new stops the claim before it changed a lane.
local function look(lane, max)
  local found = { key = P .. ':lane:' .. lane, ids = {}, ready = {} }
  if max > 0 then found.ids = redis.call('LRANGE', found.key, 0, max - 1) end
  for _, id in ipairs(found.ids) do
    local r = load(id)
    if r and r.state == 'r' then found.ready[#found.ready + 1] = r end
  end
  return found
end

local function take(found)
  if #found.ids > 0 then redis.call('LTRIM', found.key, #found.ids, -1) end
  for _, r in ipairs(found.ready) do
    r.state, r.token = 'c', token
    save(r)
    redis.call('ZADD', P .. ':claims', int(now), r.id)
    row(r)
  end
end

local last = redis.call('HGET', P .. ':nonces', worker)
local newer = not last or struct.unpack('>I8', nonce) > struct.unpack('>I8', last)
if not newer then
  -- The same call again answers with what it claimed; an older one, that a dead connection delivers late, with nothing.
  local again = string.sub(last, 1, 8) == nonce
  for at = 9, again and #last or 0, 16 do
    local r = load(string.sub(last, at, at + 15))
    if r and r.state == 'c' and r.token == token then row(r) end
  end
else
  local max = tonumber(ARGV[4])
  local idle = ARGV[5] == '1'
  local alone = idle and redis.call('EXISTS', P .. ':lane:alone') == 1
  local suspects = idle and redis.call('EXISTS', P .. ':lane:suspects') == 1
  local lanes
  -- With both, every other claim takes from the other, so that one which cannot move hides nobody.
  if alone and not (suspects and struct.unpack('>I8', nonce) % 2 == 1) then
    lanes = { look('alone', 1) }
  elseif suspects then
    lanes = { look('suspects', math.min(max, SUSPECT_GROUP)) }
  else
    local resumed = look('resumed', max)
    lanes = { resumed, look('fresh', max - #resumed.ids) }
  end
  for _, lane in ipairs(lanes) do take(lane) end
  local held = nonce
  for _, claimed in ipairs(rows) do held = held .. claimed[1] end
  redis.call('HSET', P .. ':nonces', worker, held)
end
local suspects = redis.call('LLEN', P .. ':lane:suspects') + redis.call('LLEN', P .. ':lane:alone')
return { 'rows', now, suspects, rows }
