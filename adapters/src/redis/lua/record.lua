-- record.lua: an activeflow's record is one string with a binary head (common/src/record.rs). Scripts read and write the
-- head and read the spec, never the body.
-- ARGV[1] is the time in microseconds, empty for the server's; ARGV[2] the newest record format that the caller reads.
-- State: r(eady), c(laimed), w(aiting), p(aused), q(uarantined), e(nded). Role: o(wner), s(ide run).
local HEAD = '>BBBBBBBBI8c24I8I8I8I8I8I4I4'
local NO_TOKEN = string.rep('\0', ID_BYTES + NONCE_BYTES)
-- Offsets count from zero, positions in a Lua string from one.
local SPEC_POS = SPEC_AT + 1

local now
if ARGV[1] ~= '' then
  now = tonumber(ARGV[1])
else
  local t = redis.call('TIME')
  now = tonumber(t[1]) * 1000000 + tonumber(t[2])
end

-- Parses a record; raises TOONEW before anything was written. nil when there is none.
local function load(id)
  local bytes = redis.call('GET', key(RECORD, id))
  if not bytes then return nil end
  local format = string.byte(bytes, 1)
  if format > tonumber(ARGV[2]) then error({ err = 'TOONEW ' .. format }) end
  local r = { id = id, bytes = bytes }
  local _, spec_length
  _, r.state, r.suspect, r.attempts, r.role, r.class, r.flags, _, r.version, r.token, r.wait, r.deadline, r.ready,
    r.created, r.updated, r.inbox, spec_length = struct.unpack(HEAD, bytes)
  r.state, r.role = string.char(r.state), string.char(r.role)
  r.body_at = SPEC_POS + spec_length
  return r
end

local function head(r)
  return struct.pack(HEAD, FORMAT, string.byte(r.state), r.suspect, r.attempts, string.byte(r.role), r.class, r.flags, 0,
    r.version, r.token, r.wait, r.deadline, r.ready, r.created, r.updated, r.inbox, r.body_at - SPEC_POS)
end

local function spec(r) return string.sub(r.bytes, SPEC_POS, r.body_at - 1) end

-- Writes the head; with a new body, the whole record.
local function save(r)
  if r.body then
    redis.call('SET', key(RECORD, r.id), head(r) .. spec(r) .. r.body)
  else
    redis.call('SETRANGE', key(RECORD, r.id), 0, head(r))
  end
end

-- hears, customer, realm
local function texts(r) return struct.unpack('>Hc0Hc0Hc0', r.bytes, SPEC_POS + SPEC_TEXTS_AT) end

local function reference(r) return string.sub(r.bytes, SPEC_POS, SPEC_POS + SPEC_BUNDLE_AT - 1) end

-- Whether the activeflow takes events of this type: named, or by its family (sim.*).
local function hears(r, kind)
  local heard = texts(r)
  local family = '|' .. string.match(kind, '^[^.]*') .. '.*|'
  return string.find(heard, '|' .. kind .. '|', 1, true) ~= nil or string.find(heard, family, 1, true) ~= nil
end

local function control_of(r)
  if r.flags == 0 then return '' end
  return redis.call('GET', key(CONTROL, r.id)) or ''
end

-- Inbox entries.
local ENTRY = '>BHc0I4'

local function event_entry(kind, start, input)
  return struct.pack(ENTRY, EVENT_TAG, #kind, kind, #start) .. start .. input
end

local function timer_entry(wait) return struct.pack('>BHI4I8', TIMER_TAG, 0, 0, wait) end
