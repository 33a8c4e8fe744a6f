-- deliver: applies one event once: seen, then the owner or a new one, then side runs; wakes what is parked.
-- ARGV 3 generation  4 mark (10 bytes)  5 bucket  6 dedup rotation (us)  7 event type  8 input  9 '1' if it always fits
--      10 'a' or 'r'  11 activeflow id or reference key  12 realm  13 feed length  14 owner start or ''  15… side starts
-- Returns {'applied', to or '', backlog, started…} | {'duplicate'} | {'unmatched'} | {'late'} | {'full', owner} | {'stale', generation}
local INBOX_ENTRIES, INBOX_BYTES, BUCKETS = 256, 262144, 4096
local by_reference = ARGV[10] == 'r'
local kind, input, feed_length = ARGV[7], ARGV[8], ARGV[13]
local meta = redis.call('HMGET', P .. ':meta', 'generation', 'seen', 'seen_since')
local standing, generation = tonumber(meta[1] or '0'), tonumber(ARGV[3])
if by_reference and generation < standing then return { 'stale', standing } end

local owner_id = ARGV[11]
if by_reference then owner_id = redis.call('HGET', P .. ':owners', ARGV[11]) end
local owner = owner_id and load(owner_id)

if by_reference and generation > standing then redis.call('HSET', P .. ':meta', 'generation', int(generation)) end
local seen, since = tonumber(meta[2] or '0'), tonumber(meta[3] or '0')
if since == 0 then
  redis.call('HSET', P .. ':meta', 'seen', '0', 'seen_since', int(now))
elseif now - since >= tonumber(ARGV[6]) then
  seen = seen + 1
  redis.call('HSET', P .. ':meta', 'seen', int(seen), 'seen_since', int(now))
  for bucket = 0, BUCKETS - 1 do redis.call('UNLINK', P .. ':d:' .. int(seen - 3) .. ':' .. bucket) end
end
for back = 0, math.min(seen, 2) do
  if redis.call('HEXISTS', P .. ':d:' .. int(seen - back) .. ':' .. ARGV[5], ARGV[4]) == 1 then return { 'duplicate' } end
end

local to, started, known = '', {}, false
if not by_reference then
  if not owner or owner.state == 'e' then return { 'late' } end
  local _, _, realm = texts(owner)
  if realm ~= ARGV[12] then return { 'late' } end
  push_input(owner, event_entry(kind, '', input))
  save(owner)
  to = owner.id
else
  if owner then
    if hears(owner, kind) then
      local entry = event_entry(kind, ARGV[14], input)
      local full = redis.call('LLEN', key('i', owner.id)) >= INBOX_ENTRIES or owner.inbox + #entry > INBOX_BYTES
      if full and ARGV[9] ~= '1' then return { 'full', owner.id } end
      push_input(owner, entry)
      save(owner)
      to = owner.id
    end
  elseif ARGV[14] ~= '' then
    if create(ARGV[14], 'o', kind, input, feed_length) then
      to = string.sub(ARGV[14], 1, 16)
      started[1] = to
    else
      known = true
    end
  end
  for i = 15, #ARGV do
    if create(ARGV[i], 's', kind, input, feed_length) then
      started[#started + 1] = string.sub(ARGV[i], 1, 16)
    else
      known = true
    end
  end
  if to == '' and #started == 0 then return { known and 'duplicate' or 'unmatched' } end
end
redis.call('HSET', P .. ':d:' .. int(seen) .. ':' .. ARGV[5], ARGV[4], '')
local backlog = redis.call('LLEN', P .. ':lane:resumed') + redis.call('LLEN', P .. ':lane:fresh')
local answer = { 'applied', to, backlog }
for _, id in ipairs(started) do answer[#answer + 1] = id end
return answer
