-- commit: stores one transition of an activeflow if the claim is current: body, consumed inputs, commands, journal, control;
-- then does `after`. Refuses, before it writes, more messages between two numbers than a minute may have.
-- ARGV 3 id  4 token  5 version  6 body  7 consumed  8 journal or ''  9 control taken or ''  10 feed length
--      11 early inputs in the body  12 their bytes  13 most messages of a pair  14 n pairs, then the key of each and its number of
--      messages, n commands, then these, then `after` (see settle)
-- Returns {'kept', version} | {'released', version} | {'more', version, control, {inbox…}} | {'limited', {left of each pair…}} | {'fenced'}
local id, token, version, body, consumed = ARGV[3], ARGV[4], tonumber(ARGV[5]), ARGV[6], tonumber(ARGV[7])
local journal, taken, feed_length, most, pair_count = ARGV[8], ARGV[9], ARGV[10], tonumber(ARGV[13]), tonumber(ARGV[14])
local first_pair = 15
local first = first_pair + 2 * pair_count + 1
local after = first + tonumber(ARGV[first - 1])

-- The pairs of the transition, each with the times of its recent messages (8 bytes each). The second result
-- tells what each may still get, if that is too little for one of them.
local function read_pairs()
  local found, left, too_few = {}, {}, false
  for i = first_pair, first - 2, 2 do
    local pair = { key = key(SENT, ARGV[i]), number = tonumber(ARGV[i + 1]) }
    local times = redis.call('GET', pair.key) or ''
    local recent = 1
    while recent < #times do
      local age = now - struct.unpack('>I8', times, recent)
      -- A time that is yet to come is of a clock that went back.
      if age >= 0 and age < MESSAGE_WINDOW_US then break end
      recent = recent + 8
    end
    pair.times = string.sub(times, recent)
    found[#found + 1] = pair
    left[#left + 1] = math.max(most - #pair.times / 8, 0)
    too_few = too_few or pair.number > left[#left]
  end
  return found, too_few and left
end

-- The key expires some time after its last message stopped counting; by the server's clock, so not under a test's clock.
local function count_messages(found)
  local at = struct.pack('>I8', now)
  for _, pair in ipairs(found) do
    redis.call('SET', pair.key, pair.times .. string.rep(at, pair.number))
    if ARGV[1] == '' then redis.call('PEXPIRE', pair.key, int(2 * MESSAGE_WINDOW_US / 1000)) end
  end
end

local r = load(id)
if not r or r.token ~= token then return { 'fenced' } end
if ARGV[after] == 'e' then check_owner(r) end
if r.state == 'c' and r.version == version then
  local found, left = read_pairs()
  if left then return { 'limited', left } end
  count_messages(found)
  r.body, r.version, r.updated, r.suspect, r.attempts = body, version + 1, now, 0, 0
  r.format = math.max(r.format, string.byte(body, 1) or 0)
  r.early_count, r.early_bytes = tonumber(ARGV[11]), tonumber(ARGV[12])
  consume(r, version, consumed)
  if first < after then set_flag(r, HAS_OUTBOX) end
  -- In pieces that fit the stack of a script.
  for i = first, after - 1, 1000 do
    redis.call('RPUSH', key(OUTBOX, r.id), unpack(ARGV, i, math.min(i + 999, after - 1)))
  end
  if taken ~= '' and control_of(r) == taken then
    redis.call('DEL', key(CONTROL, r.id))
    drop_flag(r, HAS_CONTROL)
  end
  if journal ~= '' then
    local journal_key = key(JOURNAL, r.id)
    if redis.call('RPUSH', journal_key, journal) > JOURNAL_ENTRIES then redis.call('LTRIM', journal_key, -JOURNAL_ENTRIES, -1) end
    note(r.id, 'moved', journal, feed_length)
  end
  return settle(r, ARGV, after, feed_length)
elseif r.version == version + 1 then
  -- The same commit again: its answer was lost.
  if r.state == 'c' then return settle(r, ARGV, after, feed_length) end
  return { 'released', r.version }
end
return { 'fenced' }
