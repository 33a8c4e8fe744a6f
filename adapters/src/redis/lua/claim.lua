-- claim: claims ready activeflows: resumed before fresh, longest ready first; suspects only for an idle worker.
-- ARGV 3 token (worker, nonce; a worker's nonces grow)  4 max  5 '1' if the worker holds nothing else
-- Returns {'dead'} | {'rows', now, suspects that wait, {id, error} | {id, head, record before, trigger, control, {inbox…}, {outbox…}}…}
local token, max, idle = ARGV[3], tonumber(ARGV[4]), ARGV[5] == '1'
local worker, nonce = string.sub(token, 1, ID_BYTES), string.sub(token, ID_BYTES + 1)
if redis.call('HEXISTS', P .. DEAD, worker) == 1 then return { 'dead' } end

local rows = {}
local function row(r)
  rows[#rows + 1] = { r.id, head(r), r.bytes, redis.call('GET', key(TRIGGER, r.id)) or '', control_of(r),
    inbox_of(r), has_flag(r, HAS_OUTBOX) and redis.call('LRANGE', key(OUTBOX, r.id), 0, -1) or {} }
end

-- Everything is read before anything is taken: a record that is too new stops the claim before it changes a lane.
local function peek(lane, count)
  local front = { lane = lane, key = key(LANE, lane), ids = {}, ready = {} }
  if count > 0 then front.ids = redis.call('LRANGE', front.key, 0, count - 1) end
  for _, id in ipairs(front.ids) do
    local r = load(id)
    if r and r.state == 'r' then front.ready[#front.ready + 1] = r end
  end
  return front
end

local function take(front)
  if #front.ids == 0 then return end
  redis.call('LTRIM', front.key, #front.ids, -1)
  lengths[front.lane] = nil
  local claims = {}
  for _, r in ipairs(front.ready) do
    claims[#claims + 1] = now_text
    claims[#claims + 1] = r.id
  end
  -- In pieces that fit the stack of a script.
  for i = 1, #claims, 1000 do redis.call('ZADD', P .. CLAIMS, unpack(claims, i, math.min(i + 999, #claims))) end
  for _, r in ipairs(front.ready) do
    r.state, r.token = 'c', token
    save(r)
  end
  -- One that cannot be read stays claimed until its claim is overdue, and does not stop the others.
  for _, r in ipairs(front.ready) do
    local read, why = pcall(row, r)
    if not read then rows[#rows + 1] = { r.id, type(why) == 'table' and why.err or why } end
  end
end

-- The worker's last nonce and the ids that it claimed.
local last = redis.call('HGET', P .. NONCES, worker)
local newer = not last or struct.unpack('>I8', nonce) > struct.unpack('>I8', last)
if not newer then
  -- A repeated call returns the activeflows that it claimed; an older call, delivered late by a dead connection, returns none.
  local repeated = string.sub(last, 1, NONCE_BYTES) == nonce
  for at = NONCE_BYTES + 1, repeated and #last or 0, ID_BYTES do
    local r = load(string.sub(last, at, at + ID_BYTES - 1))
    if r and r.state == 'c' and r.token == token then row(r) end
  end
else
  local alone, suspects = idle and length_of('alone') > 0, idle and length_of('suspects') > 0
  local fronts
  -- When both lanes hold something, claims alternate between them, so that a stuck one does not hide the other.
  if alone and not (suspects and struct.unpack('>I8', nonce) % 2 == 1) then
    fronts = { peek('alone', 1) }
  elseif suspects then
    fronts = { peek('suspects', math.min(max, SUSPECT_GROUP)) }
  else
    local resumed = peek('resumed', max)
    fronts = { resumed, peek('fresh', max - #resumed.ids) }
  end
  for _, front in ipairs(fronts) do take(front) end
  local claimed = nonce
  for _, taken in ipairs(rows) do claimed = claimed .. taken[1] end
  redis.call('HSET', P .. NONCES, worker, claimed)
end
return { 'rows', now, length_of('suspects') + length_of('alone'), rows }
