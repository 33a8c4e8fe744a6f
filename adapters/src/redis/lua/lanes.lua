-- lanes.lua: the ready queues of a shard, inboxes, and the feed. None of these functions saves the record.
local GROUP, ALONE = 1, 2
local LANES = { [0] = 'resumed', [GROUP] = 'suspects', [ALONE] = 'alone' }

local function push_lane(lane, id)
  if redis.call('RPUSH', key(LANE, lane), id) == 1 then wake(READY_CHANNEL) end
end

-- Makes an activeflow ready, at the end of the lane for its suspicion.
local function make_ready(r)
  r.state, r.ready = 'r', now
  push_lane(LANES[r.suspect], r.id)
end

-- Appends an entry to the inbox; a parked activeflow becomes ready.
local function push_input(r, entry)
  redis.call('RPUSH', key(INBOX, r.id), entry)
  r.inbox = r.inbox + #entry
  if r.state == 'w' then make_ready(r) end
end

local function drop_claim(r) redis.call('ZREM', P .. CLAIMS, r.id) end

local function drop_wait(r)
  if r.deadline ~= 0 then
    redis.call('ZREM', P .. WAITS, r.id)
    r.deadline = 0
  end
end

-- Appends to the feed: i(d), w(hat kind), t(ime), j(ournal entry).
local function note(id, kind, journal, length)
  redis.call('XADD', P .. FEED, 'MAXLEN', '~', length, '*', 'i', id, 'w', kind, 't', int(now), 'j', journal)
end
