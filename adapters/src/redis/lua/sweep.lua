-- sweep: one bounded look at a shard: what the dead held becomes suspect, overdue claims and due waits become ready, the old is forgotten.
-- ARGV 3 ended kept (us)  4 feed length  5… ids of dead workers
-- Returns {now, suspects, quarantined, overdue, forgotten, next due or '', more, {lateness in us…}}
local BATCH, DEATHS_ALONE, CLAIM_OVERDUE, DEAD_NOTED = 256, 5, 60000000, 3600000000
local feed_length, more = ARGV[4], 0
local dead = {}
for i = 5, #ARGV do dead[ARGV[i]] = true end

-- Everything is read first: a record that is too new stops the sweep before it changed anything.
local function batch(set, until_time)
  local found = redis.call('ZRANGEBYSCORE', P .. ':' .. set, '-inf', int(until_time), 'WITHSCORES', 'LIMIT', 0, BATCH + 1)
  local rows = {}
  for i = 1, math.min(#found, 2 * BATCH), 2 do
    rows[#rows + 1] = { id = found[i], score = tonumber(found[i + 1]), record = load(found[i]) }
  end
  if #found > 2 * BATCH then more = 1 end
  return rows
end

local held_by_dead = {}
if next(dead) then
  for _, id in ipairs(redis.call('ZRANGE', P .. ':claims', 0, -1)) do
    if dead[redis.call('GETRANGE', key('a', id), 16, 31)] then
      if #held_by_dead == BATCH then
        more = 1
        break
      end
      held_by_dead[#held_by_dead + 1] = load(id)
    end
  end
end
local overdue = batch('claims', now - CLAIM_OVERDUE)
local due = batch('waits', now)
local ended = batch('ended', now - tonumber(ARGV[3]))

local noted = redis.call('HGETALL', P .. ':dead')
for i = 1, #noted, 2 do
  if now - tonumber(noted[i + 1]) >= DEAD_NOTED then redis.call('HDEL', P .. ':dead', noted[i]) end
end
for id in pairs(dead) do
  redis.call('HSETNX', P .. ':dead', id, int(now))
  redis.call('HDEL', P .. ':nonces', id)
end

-- Out of everybody's way: what waits and would start something goes to the next owner, the rest waits for a person.
local function give_up_reference(r)
  local ref = reference(r)
  if r.role ~= 'o' or redis.call('HGET', P .. ':owners', ref) ~= r.id then return end
  redis.call('HDEL', P .. ':owners', ref)
  local inbox = redis.call('LRANGE', key('i', r.id), 0, -1)
  redis.call('DEL', key('i', r.id))
  for _, entry in ipairs(inbox) do
    local _, _, start_length = struct.unpack('>BHc0I4', entry)
    if start_length > 0 then
      r.inbox = r.inbox - #entry
      hand_on(ref, entry, true, feed_length)
    else
      redis.call('RPUSH', key('i', r.id), entry)
    end
  end
end

local freed, quarantined = {}, 0
for _, r in ipairs(held_by_dead) do
  freed[r.id] = true
  drop_claim(r)
  r.token = NOBODY
  if r.suspect < 2 then r.suspect = r.suspect + 1 else r.attempts = r.attempts + 1 end
  if r.attempts < DEATHS_ALONE then
    make_ready(r)
  else
    quarantined = quarantined + 1
    r.state, r.updated = 'q', now
    note(r.id, 'quarantined', '', feed_length)
    give_up_reference(r)
  end
  save(r)
end

local late_claims = 0
for _, row in ipairs(overdue) do
  local r = row.record
  if not freed[row.id] then
    late_claims = late_claims + 1
    redis.call('ZREM', P .. ':claims', row.id)
    if r then
      r.token = NOBODY
      make_ready(r)
      save(r)
    end
  end
end

local late = {}
for i, row in ipairs(due) do
  redis.call('ZREM', P .. ':waits', row.id)
  late[i] = now - row.score
  -- Loaded again: the record may have been changed above.
  local r = row.record and load(row.id)
  if r then
    r.deadline = 0
    push_input(r, struct.pack('>BHI4I8', 116, 0, 0, r.wait))
    save(r)
  end
end

for _, row in ipairs(ended) do
  redis.call('ZREM', P .. ':ended', row.id)
  if row.record then
    local _, customer = texts(row.record)
    redis.call('ZREM', key('x', customer), row.id)
    redis.call('DEL', key('a', row.id), key('j', row.id), key('o', row.id))
    local bundle = string.sub(row.record.bytes, SPEC_AT + 16, SPEC_AT + 47)
    if redis.call('HINCRBY', P .. ':bundles', bundle, -1) <= 0 then redis.call('HDEL', P .. ':bundles', bundle) end
  end
end

local first = redis.call('ZRANGE', P .. ':waits', 0, 0, 'WITHSCORES')
return { now, #held_by_dead, quarantined, late_claims, #ended, first[2] or '', more, late }
