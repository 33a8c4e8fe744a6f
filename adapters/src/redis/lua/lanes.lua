-- lanes.lua: the ready queues of a shard, inboxes, and the feed. None of these functions saves the record.
local GROUP, ALONE = 1, 2
local LANES = { [0] = 'resumed', [GROUP] = 'suspects', [ALONE] = 'alone' }

-- Lengths of lanes, as far as this call knows them.
local lengths = {}

local function length_of(lane)
  if not lengths[lane] then lengths[lane] = redis.call('LLEN', key(LANE, lane)) end
  return lengths[lane]
end

local function push_lane(lane, id)
  lengths[lane] = redis.call('RPUSH', key(LANE, lane), id)
  if lengths[lane] == 1 then wake(READY_CHANNEL) end
end

-- Makes an activeflow ready, at the end of the lane for its suspicion.
local function make_ready(r)
  r.state, r.ready = 'r', now
  push_lane(LANES[r.suspect], r.id)
end

-- Appends an entry to the inbox; a parked activeflow becomes ready.
local function push_input(r, entry)
  redis.call('RPUSH', key(INBOX, r.id), entry)
  r.format = math.max(r.format, string.byte(entry, 1))
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

-- Appends to the feed. Field c(hange): format, the first letter of the kind, id, time. Field j(ournal entry), if there is one.
local function note(id, kind, journal, length)
  local change = struct.pack('>BBc0I8', WRITES, string.byte(kind), id, now)
  if journal == '' then
    redis.call('XADD', P .. FEED, 'MAXLEN', '~', length, '*', 'c', change)
  else
    redis.call('XADD', P .. FEED, 'MAXLEN', '~', length, '*', 'c', change, 'j', journal)
  end
end

-- What the shard knows of definitions (generation) and of its window of dedup marks (seen, since).
local meta
local function meta_of_shard()
  if not meta then
    local fields = redis.call('HMGET', P .. META, 'generation', 'seen', 'seen_since')
    meta = { generation = tonumber(fields[1] or '0'), seen = tonumber(fields[2] or '0'), since = tonumber(fields[3] or '0') }
  end
  return meta
end

-- Goes to the shard whose keys begin with `prefix`.
local function enter(prefix)
  if P ~= prefix then P, lengths, meta = prefix, {}, nil end
end
