-- commit: stores one transition of an activeflow if the claim is current: body, consumed inputs, commands, journal, control;
-- then does `after`.
-- ARGV 3 id  4 token  5 version  6 body  7 consumed  8 journal or ''  9 control taken or ''  10 feed length
--      11 early inputs in the body  12 their bytes  13 n commands, then these, then `after` (see settle)
-- Returns {'kept', version} | {'released', version} | {'more', version, control, {inbox…}} | {'fenced'}
local id, token, version, body, consumed = ARGV[3], ARGV[4], tonumber(ARGV[5]), ARGV[6], tonumber(ARGV[7])
local journal, taken, feed_length, commands = ARGV[8], ARGV[9], ARGV[10], tonumber(ARGV[13])
local first = 14
local after = first + commands
local r = load(id)
if not r or r.token ~= token then return { 'fenced' } end
if ARGV[after] == 'e' then check_owner(r) end
if r.state == 'c' and r.version == version then
  r.body, r.version, r.updated, r.suspect, r.attempts = body, version + 1, now, 0, 0
  r.early_count, r.early_bytes = tonumber(ARGV[11]), tonumber(ARGV[12])
  if consumed > 0 then
    for _, entry in ipairs(redis.call('LPOP', key(INBOX, r.id), consumed) or {}) do r.inbox = r.inbox - #entry end
  end
  -- In pieces that fit the stack of a script.
  for i = first, after - 1, 1000 do
    redis.call('RPUSH', key(OUTBOX, r.id), unpack(ARGV, i, math.min(i + 999, after - 1)))
  end
  if taken ~= '' and control_of(r) == taken then
    redis.call('DEL', key(CONTROL, r.id))
    r.flags = 0
  end
  if journal ~= '' then
    local journal_key = key(JOURNAL, r.id)
    if redis.call('RPUSH', journal_key, journal) > JOURNAL_ENTRIES then redis.call('LTRIM', journal_key, -JOURNAL_ENTRIES, -1) end
    note(r.id, 'moved', journal, feed_length)
  end
  return settle(r, after, feed_length)
elseif r.version == version + 1 then
  -- The same commit again: its answer was lost.
  if r.state == 'c' then return settle(r, after, feed_length) end
  return { 'released', r.version }
end
return { 'fenced' }
