-- lifecycle.lua: starts an activeflow, ends a claim, and ends an activeflow. All of these functions save the record.

-- Starts an activeflow, and claims it under `token` unless that is ''. The event that starts it is stored once, and its inbox
-- refers to it. Returns false, and changes nothing, if the id exists.
local function create(start, role, trigger, flags, token, feed_length)
  local id = start_id(start)
  local r = { id = id, format = math.max(WRITES, string.byte(start, 1), string.byte(trigger, 1)), state = token == '' and 'r' or 'c', suspect = 0, attempts = 0, role = role, class = string.byte(start, START_CLASS_AT + 1), flags = flags,
    version = 0, token = token == '' and NO_TOKEN or token, wait = 0, deadline = 0, ready = now, created = now,
    updated = now, inbox = #TRIGGER_ENTRY, early_bytes = 0, early_count = 0, head_length = HEAD_BYTES, bytes = start,
    spec_at = START_SPEC_AT + 1, body_at = #start + 1 }
  if not redis.call('SET', key(RECORD, id), head(r) .. string.sub(start, r.spec_at), 'NX') then return false end
  redis.call('SET', key(TRIGGER, id), trigger)
  if role == 'o' then redis.call('HSET', P .. OWNERS, reference(r), id) end
  local _, customer = texts(r)
  redis.call('ZADD', key(CUSTOMER, customer), now_text, id)
  if token == '' then push_lane('fresh', id) else redis.call('ZADD', P .. CLAIMS, now_text, id) end
  note(id, 'created', '', feed_length)
  return true
end

-- A script that may end `r` calls this before it writes. Another owner of the reference may get the unconsumed entries, and
-- if its record is too new, the script must stop before it changes anything.
local function check_owner(r)
  local owner = redis.call('HGET', P .. OWNERS, reference(r))
  if owner and owner ~= r.id then load(owner) end
  r.is_owner = r.role == 'o' and owner == r.id
end

-- Delivers an unconsumed entry again: to the owner, if it hears the event or the entry starts an activeflow after it. Without
-- an owner, an entry that starts an activeflow starts the new owner. If the activeflow did not own the reference (`owned`), only
-- such entries are delivered. (A single-use reference has none: a further start is a copy.)
local function redeliver(ref, entry, owned, feed_length)
  local tag, kind, start, input = read_entry(entry)
  if tag ~= EVENT_TAG or (start == '' and not owned) then return end
  local owner_id = redis.call('HGET', P .. OWNERS, ref)
  if owner_id then
    local owner = load(owner_id)
    if owner and (start ~= '' or hears(owner, kind)) then
      push_input(owner, entry)
      save(owner)
    end
  elseif start ~= '' then
    create(start, 'o', input, 0, '', feed_length)
  end
end

-- Ends an activeflow, after check_owner, and delivers `rest` and then its inbox again.
local function end_activeflow(r, rest, feed_length)
  drop_wait(r)
  local left = rest
  if r.inbox ~= 0 then
    for _, entry in ipairs(inbox_of(r)) do left[#left + 1] = entry end
    redis.call('DEL', key(INBOX, r.id))
  end
  if has_flag(r, HAS_CONTROL) then redis.call('DEL', key(CONTROL, r.id)) end
  drop_flag(r, HAS_CONTROL)
  r.state, r.updated, r.inbox, r.early_bytes, r.early_count = 'e', now, 0, 0, 0
  save(r)
  redis.call('ZADD', P .. ENDED, now_text, r.id)
  note(r.id, 'ended', '', feed_length)
  local ref = reference(r)
  if r.is_owner then
    redis.call('HDEL', P .. OWNERS, ref)
    if has_flag(r, IS_SINGLE_USE) then redis.call('ZADD', P .. USED, 'XX', now_text, ref) end
  end
  for _, entry in ipairs(left) do redeliver(ref, entry, r.is_owner, feed_length) end
end

-- Applies the disposition arguments[i] to a claim: k(eep), p(ark) wait until, z (pause), y(ield), e(nd) n entries.
local function settle(r, arguments, i, feed_length)
  local after = arguments[i]
  if after == 'k' then
    save(r)
    return { 'kept', r.version }
  end
  if has_flag(r, HAS_OUTBOX) then
    save(r)
    error({ err = 'CORRUPT would be released with ' .. redis.call('LLEN', key(OUTBOX, r.id)) .. ' unsettled commands' })
  end
  if after == 'p' or after == 'z' then
    if has_flag(r, HAS_CONTROL) or (after == 'p' and r.inbox ~= 0) then
      save(r)
      return { 'more', r.version, control_of(r), inbox_of(r) }
    end
  end
  drop_claim(r)
  if after == 'p' then
    drop_wait(r)
    r.state, r.wait, r.deadline = 'w', tonumber(arguments[i + 1]), tonumber(arguments[i + 2])
    if r.deadline ~= 0 then
      local first = redis.call('ZRANGE', P .. WAITS, 0, 0, 'WITHSCORES')
      redis.call('ZADD', P .. WAITS, int(r.deadline), r.id)
      if not first[2] or r.deadline < tonumber(first[2]) then wake(DUE_CHANNEL) end
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
    for n = 1, tonumber(arguments[i + 1]) do rest[n] = arguments[i + 1 + n] end
    end_activeflow(r, rest, feed_length)
  end
  return { 'released', r.version }
end
