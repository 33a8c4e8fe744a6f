-- record.lua: what every script starts with. An activeflow's record is one string with a binary head (common/src/record.rs);
-- scripts read and write the head and the spec, never the body.
-- KEYS[1] is the shard's prefix sb:{n}; all keys are built from it and so share its cluster slot.
-- ARGV[1] is the time in microseconds, empty for the server's; ARGV[2] the newest record format that the caller reads.
local P = KEYS[1]
local HEAD = '>BBBBBBBBI8c24I8I8I8I8I8I4I4'
local SPEC_AT = 89
local NOBODY = string.rep('\0', 24)

local now
if ARGV[1] ~= '' then
  now = tonumber(ARGV[1])
else
  local t = redis.call('TIME')
  now = tonumber(t[1]) * 1000000 + tonumber(t[2])
end

local function int(n) return string.format('%.0f', n) end
local function key(kind, id) return P .. ':' .. kind .. ':' .. id end

-- Parses a record; raises TOONEW before anything was written. nil when there is none.
local function load(id)
  local bytes = redis.call('GET', key('a', id))
  if not bytes then return nil end
  local format = string.byte(bytes, 1)
  if format > tonumber(ARGV[2]) then error({ err = 'TOONEW ' .. format }) end
  local r = { id = id, bytes = bytes }
  local _, spec_length
  _, r.state, r.suspect, r.attempts, r.role, r.class, r.flags, _, r.version, r.token, r.wait, r.deadline, r.ready,
    r.created, r.updated, r.inbox, spec_length = struct.unpack(HEAD, bytes)
  r.state, r.role = string.char(r.state), string.char(r.role)
  r.body_at = SPEC_AT + spec_length
  return r
end

local function spec(r) return string.sub(r.bytes, SPEC_AT, r.body_at - 1) end

-- hears, customer, realm
local function texts(r) return struct.unpack('>Hc0Hc0Hc0', r.bytes, SPEC_AT + 48) end

local function reference(r) return string.sub(r.bytes, SPEC_AT, SPEC_AT + 15) end

-- Named, or by its family (sim.*).
local function hears(r, kind)
  local heard = texts(r)
  local family = '|' .. string.match(kind, '^[^.]*') .. '.*|'
  return string.find(heard, '|' .. kind .. '|', 1, true) ~= nil or string.find(heard, family, 1, true) ~= nil
end

local function head(r)
  return struct.pack(HEAD, 1, string.byte(r.state), r.suspect, r.attempts, string.byte(r.role), r.class, r.flags, 0,
    r.version, r.token, r.wait, r.deadline, r.ready, r.created, r.updated, r.inbox, r.body_at - SPEC_AT)
end

-- Writes the head back; with a new body, the whole record.
local function save(r)
  if r.body then
    redis.call('SET', key('a', r.id), head(r) .. spec(r) .. r.body)
  else
    redis.call('SETRANGE', key('a', r.id), 0, head(r))
  end
end

local function note(id, what, journal, length)
  redis.call('XADD', P .. ':feed', 'MAXLEN', '~', length, '*', 'i', id, 'w', what, 't', int(now), 'j', journal)
end

local function push_lane(lane, id)
  if redis.call('RPUSH', P .. ':lane:' .. lane, id) == 1 then
    redis.call('PUBLISH', 'sb:ready', string.match(P, '{(%d+)}'))
  end
end

-- Makes it ready, at the end of the lane that fits it. The caller saves.
local LANES = { [0] = 'resumed', 'suspects', 'alone' }
local function make_ready(r)
  r.state, r.ready = 'r', now
  push_lane(LANES[r.suspect], r.id)
end

-- An entry for the inbox; what is parked becomes ready. The caller saves.
local function push_input(r, entry)
  redis.call('RPUSH', key('i', r.id), entry)
  r.inbox = r.inbox + #entry
  if r.state == 'w' then make_ready(r) end
end

local function event_entry(kind, start, input)
  return struct.pack('>BHc0I4', 101, #kind, kind, #start) .. start .. input
end

-- Starts an activeflow with its first input; an id that is already there starts nothing.
local function create(start, role, kind, input, feed_length)
  local id = string.sub(start, 1, 16)
  local k = key('a', id)
  if redis.call('EXISTS', k) == 1 then return false end
  local entry = event_entry(kind, '', input)
  local r = { id = id, state = 'r', suspect = 0, attempts = 0, role = role, class = string.byte(start, 17), flags = 0,
    version = 0, token = NOBODY, wait = 0, deadline = 0, ready = now, created = now, updated = now, inbox = #entry }
  local s = string.sub(start, 18)
  r.bytes = string.rep('\0', 88) .. s
  r.body_at = SPEC_AT + #s
  redis.call('SET', k, head(r) .. s)
  redis.call('RPUSH', key('i', id), entry)
  if role == 'o' then redis.call('HSET', P .. ':owners', reference(r), id) end
  local _, customer = texts(r)
  redis.call('ZADD', key('x', customer), int(now), id)
  redis.call('HINCRBY', P .. ':bundles', string.sub(s, 17, 48), 1)
  push_lane('fresh', id)
  note(id, 'created', '', feed_length)
  return true
end

local function drop_claim(r) redis.call('ZREM', P .. ':claims', r.id) end

local function drop_wait(r)
  if r.deadline ~= 0 then
    redis.call('ZREM', P .. ':waits', r.id)
    r.deadline = 0
  end
end

-- For a script that may end `r`, before it writes: who owns its reference may get what it leaves.
local function look_at_owner(r)
  local owner = redis.call('HGET', P .. ':owners', reference(r))
  if owner and owner ~= r.id then load(owner) end
end

-- What nobody took is delivered again: to the owner if it hears it, else the first that starts something becomes the owner.
-- Of who does not own the reference (any more), only what would start another.
local function hand_on(ref, entry, owned, feed_length)
  local tag, kind, start_length, at = struct.unpack('>BHc0I4', entry)
  if tag ~= 101 or (start_length == 0 and not owned) then return end
  local start = string.sub(entry, at, at + start_length - 1)
  local input = string.sub(entry, at + start_length)
  local owner = redis.call('HGET', P .. ':owners', ref)
  if owner then
    local o = load(owner)
    if o and hears(o, kind) then
      push_input(o, entry)
      save(o)
    end
  elseif start ~= '' then
    create(start, 'o', kind, input, feed_length)
  end
end

-- Ends an activeflow and delivers `rest` and then its inbox again. Saves.
local function finish_life(r, rest, feed_length)
  drop_wait(r)
  local left = rest
  local inbox = redis.call('LRANGE', key('i', r.id), 0, -1)
  for _, entry in ipairs(inbox) do left[#left + 1] = entry end
  if #inbox > 0 then redis.call('DEL', key('i', r.id)) end
  if r.flags ~= 0 then redis.call('DEL', key('k', r.id)) end
  r.state, r.updated, r.inbox, r.flags = 'e', now, 0, 0
  save(r)
  redis.call('ZADD', P .. ':ended', int(now), r.id)
  note(r.id, 'ended', '', feed_length)
  local ref = reference(r)
  local owned = r.role == 'o' and redis.call('HGET', P .. ':owners', ref) == r.id
  if owned then redis.call('HDEL', P .. ':owners', ref) end
  for _, entry in ipairs(left) do hand_on(ref, entry, owned, feed_length) end
end

local function control_of(r)
  if r.flags == 0 then return '' end
  return redis.call('GET', key('k', r.id)) or ''
end

-- What becomes of a claim; ARGV[i] says: k(eep), p(ark) wait until, z (pause), y(ield), e(nd) n entries. Saves.
local function settle(r, i, feed_length)
  local after = ARGV[i]
  if after == 'k' then
    save(r)
    return { 'kept', r.version }
  end
  local unsettled = r.settled and 0 or redis.call('LLEN', key('o', r.id))
  if unsettled > 0 then
    save(r)
    error({ err = 'CORRUPT would be released with ' .. unsettled .. ' unsettled commands' })
  end
  if after == 'p' or after == 'z' then
    local waiting = after == 'p' and redis.call('EXISTS', key('i', r.id)) == 1
    if waiting or r.flags ~= 0 then
      save(r)
      return { 'more', r.version, control_of(r), redis.call('LRANGE', key('i', r.id), 0, -1) }
    end
  end
  drop_claim(r)
  if after == 'p' then
    drop_wait(r)
    r.state, r.wait, r.deadline = 'w', tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
    if r.deadline ~= 0 then
      local first = redis.call('ZRANGE', P .. ':waits', 0, 0, 'WITHSCORES')
      redis.call('ZADD', P .. ':waits', int(r.deadline), r.id)
      if not first[2] or r.deadline < tonumber(first[2]) then
        redis.call('PUBLISH', 'sb:due', string.match(P, '{(%d+)}'))
      end
    end
    save(r)
  elseif after == 'z' then
    r.state = 'p'
    save(r)
  elseif after == 'y' then
    make_ready(r)
    save(r)
  else
    local rest = {}
    for n = 1, tonumber(ARGV[i + 1]) do rest[n] = ARGV[i + 1 + n] end
    finish_life(r, rest, feed_length)
  end
  return { 'released', r.version }
end
