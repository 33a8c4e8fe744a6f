-- finish: settles all but the last `unsettled` commands, then does `after`. Repeating it changes nothing.
-- ARGV 3 id  4 token  5 version  6 unsettled  7 feed length  8… `after` (see settle)
-- Returns as commit
local id, token, version, unsettled, feed_length = ARGV[3], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7]
local after = 8
local r = load(id)
if not r or r.token ~= token or r.version ~= version then return { 'fenced' } end
if r.state ~= 'c' then return { 'released', r.version } end
if ARGV[after] == 'e' then check_owner(r) end
if unsettled == 0 then
  drop_outbox(r)
else
  redis.call('LTRIM', key(OUTBOX, r.id), -unsettled, -1)
end
return settle(r, ARGV, after, feed_length)
