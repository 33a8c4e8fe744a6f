-- record.lua: an activeflow's record is one string with a binary head (common/src/record/v1.rs). Scripts read and write the
-- head and read the spec, never the body. Fields that a later release added to a head stay as they are.
-- ARGV[1] is the time in microseconds, empty for the server's; ARGV[2] two bytes: the newest format that the caller
-- reads, and the one that it writes, which every live member reads. A record keeps a newer format: what is in it may have it.
-- State: r(eady), c(laimed), w(aiting), p(aused), q(uarantined), e(nded). Role: o(wner), s(ide run).
local HEAD = '>BHBBBBBI8c24I8I8I8I8I8I4I4HBxI4'
-- Flags of a head.
local HAS_CONTROL, HAS_OUTBOX, IS_SINGLE_USE = 1, 2, 4
local NO_TOKEN = string.rep('\0', ID_BYTES + NONCE_BYTES)
-- Offsets count from zero, positions in a Lua string from one.
local HEAD_END = HEAD_BYTES + 1
local READS, WRITES = string.byte(ARGV[2], 1, 2)

local now
if ARGV[1] ~= '' then
  now = tonumber(ARGV[1])
else
  local t = redis.call('TIME')
  now = tonumber(t[1]) * 1000000 + tonumber(t[2])
end
local now_text = int(now)

-- Parses a record; raises TOONEW before anything was written. nil when there is none.
local function load(id)
  local bytes = redis.call('GET', key(RECORD, id))
  if not bytes then return nil end
  local format = string.byte(bytes, 1)
  if format > READS then error({ err = 'TOONEW ' .. format }) end
  local r = { id = id, bytes = bytes, format = math.max(format, WRITES) }
  local _, spec_length
  _, r.head_length, r.state, r.suspect, r.attempts, r.role, r.class, r.version, r.token, r.wait, r.deadline, r.ready,
    r.created, r.updated, r.inbox, r.early_bytes, r.early_count, r.flags, spec_length = struct.unpack(HEAD, bytes)
  r.state, r.role = string.char(r.state), string.char(r.role)
  r.spec_at = r.head_length + 1
  r.body_at = r.spec_at + spec_length
  return r
end

local function head(r)
  return struct.pack(HEAD, r.format, r.head_length, string.byte(r.state), r.suspect, r.attempts, string.byte(r.role), r.class,
    r.version, r.token, r.wait, r.deadline, r.ready, r.created, r.updated, r.inbox, r.early_bytes, r.early_count, r.flags,
    r.body_at - r.spec_at)
end

-- What is between the fields of the head that this release knows and the body: later fields, and the spec.
local function middle(r) return string.sub(r.bytes, HEAD_END, r.body_at - 1) end

-- Writes the head; with a new body, the whole record.
local function save(r)
  if r.body then
    redis.call('SET', key(RECORD, r.id), head(r) .. middle(r) .. r.body)
  else
    redis.call('SETRANGE', key(RECORD, r.id), 0, head(r))
  end
end

-- hears, customer, realm
local function texts(r) return struct.unpack('>Hc0Hc0Hc0', r.bytes, r.spec_at + SPEC_TEXTS_AT) end

local function reference(r) return string.sub(r.bytes, r.spec_at + SPEC_REFERENCE_AT, r.spec_at + SPEC_BUNDLE_AT - 1) end

-- Whether the activeflow takes events of this type: named, or by its family (sim.*).
local function hears(r, kind)
  local heard = texts(r)
  local family = '|' .. string.match(kind, '^[^.]*') .. '.*|'
  return string.find(heard, '|' .. kind .. '|', 1, true) ~= nil or string.find(heard, family, 1, true) ~= nil
end

local function has_flag(r, flag) return r.flags % (2 * flag) >= flag end

local function set_flag(r, flag) if not has_flag(r, flag) then r.flags = r.flags + flag end end

local function drop_flag(r, flag) if has_flag(r, flag) then r.flags = r.flags - flag end end

local function drop_outbox(r)
  if not has_flag(r, HAS_OUTBOX) then return end
  redis.call('DEL', key(OUTBOX, r.id))
  drop_flag(r, HAS_OUTBOX)
end

local function control_of(r)
  if not has_flag(r, HAS_CONTROL) then return '' end
  return redis.call('GET', key(CONTROL, r.id)) or ''
end

-- Inbox entries.
local ENTRY = '>BBHc0I4'

-- An entry has the newest format of what is in it, so that its record gets that too.
local function event_entry(kind, start, input)
  local format = math.max(WRITES, string.byte(input, 1), string.byte(start, 1) or 0)
  return struct.pack(ENTRY, format, EVENT_TAG, #kind, kind, #start) .. start .. struct.pack('>I4', #input) .. input
end

-- Until the first commit (version 0), an inbox begins with this entry, which its list lacks. It has 12 bytes in every format.
local TRIGGER_ENTRY = struct.pack('>BBHI4I4', WRITES, TRIGGER_TAG, 0, 0, 0)

-- The entries of an activeflow's inbox.
local function inbox_of(r)
  if r.inbox == 0 then return {} end
  local entries = redis.call('LRANGE', key(INBOX, r.id), 0, -1)
  if r.version == 0 then table.insert(entries, 1, TRIGGER_ENTRY) end
  return entries
end

-- Takes the first entries from the inbox of an activeflow whose version is still `version`.
local function consume(r, version, count)
  if version == 0 then
    if count == 0 then return redis.call('LPUSH', key(INBOX, r.id), TRIGGER_ENTRY) end
    r.inbox, count = r.inbox - #TRIGGER_ENTRY, count - 1
  end
  if count == 0 or r.inbox == 0 then return end
  for _, entry in ipairs(redis.call('LPOP', key(INBOX, r.id), count) or {}) do r.inbox = r.inbox - #entry end
end

local function timer_entry(wait) return struct.pack('>BBHI4I4I8', WRITES, TIMER_TAG, 0, 0, 8, wait) end

-- tag, event type, start or '', input (of an event: a trigger)
local function read_entry(entry)
  local _, tag, kind, start_length, start_at = struct.unpack(ENTRY, entry)
  local input = struct.unpack('>I4c0', entry, start_at + start_length)
  return tag, kind, string.sub(entry, start_at, start_at + start_length - 1), input
end

-- Whether the inbox and the early inputs of an activeflow leave room for another entry.
local function fits(r, entry)
  local entries = r.early_count + (r.version == 0 and 1 or 0)
  return r.inbox + r.early_bytes + #entry <= INBOX_BYTES and redis.call('LLEN', key(INBOX, r.id)) + entries < INBOX_ENTRIES
end

-- The id of a start.
local function start_id(start) return string.sub(start, START_ID_AT + 1, START_CLASS_AT) end
