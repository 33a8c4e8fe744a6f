-- sweep: one bounded pass over a shard: claims of dead workers become suspects, overdue claims and due waits become ready,
-- old ended activeflows are removed.
-- ARGV 3 retention of ended activeflows (us)  4 feed length  5… ids of dead workers
-- Returns {now, suspects, quarantined, overdue, forgotten, next due or '', more, {lateness in us…}}
local ended_retention, feed_length, first_dead = tonumber(ARGV[3]), ARGV[4], 5
local more = 0
local dead = {}
for i = first_dead, #ARGV do dead[ARGV[i]] = true end

-- Everything is read first: a record that is too new stops the sweep before it changes anything.
local function batch(set, until_time)
  local found = redis.call('ZRANGEBYSCORE', P .. set, '-inf', int(until_time), 'WITHSCORES', 'LIMIT', 0, SWEEP_BATCH + 1)
  local rows = {}
  for i = 1, math.min(#found, 2 * SWEEP_BATCH), 2 do
    rows[#rows + 1] = { id = found[i], score = tonumber(found[i + 1]), record = load(found[i]) }
  end
  if #found > 2 * SWEEP_BATCH then more = 1 end
  return rows
end

local held_by_dead = {}
if next(dead) then
  for _, id in ipairs(redis.call('ZRANGE', P .. CLAIMS, 0, -1)) do
    if dead[redis.call('GETRANGE', key(RECORD, id), TOKEN_AT, TOKEN_AT + ID_BYTES - 1)] then
      if #held_by_dead == SWEEP_BATCH then
        more = 1
        break
      end
      held_by_dead[#held_by_dead + 1] = load(id)
    end
  end
end
local overdue = batch(CLAIMS, now - CLAIM_OVERDUE_US)
local due = batch(WAITS, now)
local ended = batch(ENDED, now - ended_retention)

local noted = redis.call('HGETALL', P .. DEAD)
for i = 1, #noted, 2 do
  if now - tonumber(noted[i + 1]) >= DEAD_ID_RETENTION_US then redis.call('HDEL', P .. DEAD, noted[i]) end
end
for id in pairs(dead) do
  redis.call('HSETNX', P .. DEAD, id, now_text)
  redis.call('HDEL', P .. NONCES, id)
end

-- Frees the reference of a quarantined activeflow: entries that would start an activeflow go to the next owner, the others stay.
local function give_up_reference(r)
  local ref = reference(r)
  if r.role ~= 'o' or redis.call('HGET', P .. OWNERS, ref) ~= r.id then return end
  redis.call('HDEL', P .. OWNERS, ref)
  -- The list alone: the trigger stays.
  local inbox = redis.call('LRANGE', key(INBOX, r.id), 0, -1)
  if #inbox > 0 then redis.call('DEL', key(INBOX, r.id)) end
  for _, entry in ipairs(inbox) do
    local _, _, start = read_entry(entry)
    if start ~= '' then
      r.inbox = r.inbox - #entry
      redeliver(ref, entry, true, feed_length)
    else
      redis.call('RPUSH', key(INBOX, r.id), entry)
    end
  end
end

local freed, quarantined = {}, 0
for _, r in ipairs(held_by_dead) do
  freed[r.id] = true
  drop_claim(r)
  r.token = NO_TOKEN
  if r.suspect < ALONE then r.suspect = r.suspect + 1 else r.attempts = r.attempts + 1 end
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
    redis.call('ZREM', P .. CLAIMS, row.id)
    if r then
      r.token = NO_TOKEN
      make_ready(r)
      save(r)
    end
  end
end

local late = {}
for i, row in ipairs(due) do
  redis.call('ZREM', P .. WAITS, row.id)
  late[i] = now - row.score
  -- Loaded again: the record may have changed above.
  local r = row.record and load(row.id)
  if r then
    r.deadline = 0
    push_input(r, timer_entry(r.wait))
    save(r)
  end
end

for _, row in ipairs(ended) do
  redis.call('ZREM', P .. ENDED, row.id)
  local r = row.record
  if r then
    local _, customer = texts(r)
    redis.call('ZREM', key(CUSTOMER, customer), r.id)
    redis.call('DEL', key(RECORD, r.id), key(TRIGGER, r.id), key(JOURNAL, r.id), key(OUTBOX, r.id))
  end
end

local used = redis.call('ZRANGEBYSCORE', P .. USED, '-inf', int(now - ended_retention), 'LIMIT', 0, SWEEP_BATCH)
for _, ref in ipairs(used) do
  if redis.call('HEXISTS', P .. OWNERS, ref) == 1 then
    redis.call('ZADD', P .. USED, now_text, ref)
  else
    redis.call('ZREM', P .. USED, ref)
  end
end

local first = redis.call('ZRANGE', P .. WAITS, 0, 0, 'WITHSCORES')
return { now, #held_by_dead, quarantined, late_claims, #ended, first[2] or '', more, late }
