-- finish: settles all but the last `unsettled` commands, then does `after`. Repeating it changes nothing.
-- ARGV 3 id  4 token  5 version  6 unsettled  7 feed length  8… `after` (see settle)
-- Returns as commit
local r = load(ARGV[3])
if not r or r.token ~= ARGV[4] or r.version ~= tonumber(ARGV[5]) then return { 'fenced' } end
if r.state ~= 'c' then return { 'released', r.version } end
if ARGV[8] == 'e' then look_at_owner(r) end
local unsettled = tonumber(ARGV[6])
if unsettled == 0 then
  redis.call('DEL', key('o', r.id))
  r.settled = true
else
  redis.call('LTRIM', key('o', r.id), -unsettled, -1)
end
return settle(r, 8, ARGV[7])
