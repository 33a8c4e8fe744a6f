-- commit: one transition of an activeflow, if the claim still stands: body, consumed inputs, commands, journal, control; then `after`.
-- ARGV 3 id  4 token  5 version  6 body  7 consumed  8 journal or ''  9 control taken or ''  10 feed length
--      11 n commands, then these, then `after` (see settle)
-- Returns {'kept', version} | {'released', version} | {'more', version, control, {inbox…}} | {'fenced'}
local JOURNAL_ENTRIES = 64
local r = load(ARGV[3])
local version, feed_length, commands = tonumber(ARGV[5]), ARGV[10], tonumber(ARGV[11])
local after = 12 + commands
if not r or r.token ~= ARGV[4] then return { 'fenced' } end
if ARGV[after] == 'e' then look_at_owner(r) end
if r.state == 'c' and r.version == version then
  r.body, r.version, r.updated, r.suspect, r.attempts = ARGV[6], version + 1, now, 0, 0
  local consumed = tonumber(ARGV[7])
  if consumed > 0 then
    for _, entry in ipairs(redis.call('LPOP', key('i', r.id), consumed) or {}) do r.inbox = r.inbox - #entry end
  end
  -- In pieces that fit the stack of a script.
  for i = 12, 11 + commands, 1000 do
    redis.call('RPUSH', key('o', r.id), unpack(ARGV, i, math.min(i + 999, 11 + commands)))
  end
  if ARGV[9] ~= '' and control_of(r) == ARGV[9] then
    redis.call('DEL', key('k', r.id))
    r.flags = 0
  end
  if ARGV[8] ~= '' then
    local journal = key('j', r.id)
    if redis.call('RPUSH', journal, ARGV[8]) > JOURNAL_ENTRIES then redis.call('LTRIM', journal, -JOURNAL_ENTRIES, -1) end
    note(r.id, 'moved', ARGV[8], feed_length)
  end
  return settle(r, after, feed_length)
elseif r.version == version + 1 then
  -- The same commit again: its answer was lost.
  if r.state == 'c' then return settle(r, after, feed_length) end
  return { 'released', r.version }
end
return { 'fenced' }
