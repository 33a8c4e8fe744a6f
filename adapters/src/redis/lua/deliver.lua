-- deliver: applies one event once: dedup, then the owner or a new one, then side runs; makes a parked activeflow ready.
-- ARGV 3 generation  4 mark (10 bytes)  5 bucket  6 dedup rotation (us)  7 event type  8 the event as a trigger  9 '1' if it always fits
--      10 'a' or 'r'  11 activeflow id or reference key  12 realm  13 feed length  14 owner start or ''
--      15 single use: '', or the event's own time (us), '0' without one
--      16 '', or the token under which a new owner is claimed if nothing else is ready  17… side starts
-- Returns {'applied', to or '', backlog, time of the claim or '', started…} | {'duplicate'} | {'copy'} | {'unmatched'} | {'late'} | {'full', owner} | {'stale', generation}
local generation, mark, bucket, rotation = tonumber(ARGV[3]), ARGV[4], ARGV[5], tonumber(ARGV[6])
local kind, input, always_fits, by_reference = ARGV[7], ARGV[8], ARGV[9] == '1', ARGV[10] == 'r'
local addressed, realm, feed_length, start, first_side = ARGV[11], ARGV[12], ARGV[13], ARGV[14], 17
local single_use, dated, eager = ARGV[15] ~= '', tonumber(ARGV[15]) or 0, ARGV[16]
local shard = meta_of_shard()
if by_reference and generation < shard.generation then return { 'stale', shard.generation } end

local owner_id = addressed
if by_reference then owner_id = redis.call('HGET', P .. OWNERS, addressed) end
local owner = owner_id and load(owner_id)

if by_reference and generation > shard.generation then
  shard.generation = generation
  redis.call('HSET', P .. META, 'generation', int(generation))
end
if shard.since == 0 or now - shard.since >= rotation then
  if shard.since ~= 0 then shard.seen = shard.seen + 1 end
  shard.since = now
  redis.call('HSET', P .. META, 'seen', int(shard.seen), 'seen_since', now_text)
  local oldest = shard.seen - DEDUP_GENERATIONS
  if oldest >= 0 then
    for old = 0, DEDUP_BUCKETS - 1 do redis.call('UNLINK', marks_key(oldest, old)) end
  end
end
local seen = shard.seen
if is_marked(seen, bucket, mark) then
  -- The same call again: its answer was lost.
  if eager == '' then return { 'duplicate' } end
  local read, before = pcall(load, start_id(start))
  if not read or not before or before.state ~= 'c' or before.token ~= eager then return { 'duplicate' } end
  return { 'applied', before.id, length_of('resumed') + length_of('fresh'), now_text, before.id }
end

local to, started, known, copy, claimed = '', {}, false, false, ''
if single_use and start ~= '' then
  local used = redis.call('ZSCORE', P .. USED, addressed)
  copy = (owner_id and true) or (used and dated <= tonumber(used)) or false
end
if not by_reference then
  if not owner or owner.state == 'e' then return { 'late' } end
  local _, _, owner_realm = texts(owner)
  if owner_realm ~= realm then return { 'late' } end
  push_input(owner, event_entry(kind, '', input))
  save(owner)
  to = owner.id
else
  if copy then
    start = ''
  elseif owner then
    if start ~= '' or hears(owner, kind) then
      local entry = event_entry(kind, start, input)
      if not always_fits and not fits(owner, entry) then return { 'full', owner.id } end
      push_input(owner, entry)
      save(owner)
      to = owner.id
    end
  elseif start ~= '' then
    if eager ~= '' and (length_of('resumed') + length_of('fresh') > 0
      or redis.call('HEXISTS', P .. DEAD, string.sub(eager, 1, ID_BYTES)) == 1) then
      eager = ''
    end
    if create(start, 'o', input, single_use and IS_SINGLE_USE or 0, eager, feed_length) then
      if eager ~= '' then claimed = now_text end
      to = start_id(start)
      started[1] = to
      if single_use then redis.call('ZADD', P .. USED, now_text, addressed) end
    else
      known = true
    end
  end
  for i = first_side, #ARGV do
    if create(ARGV[i], 's', input, 0, '', feed_length) then
      started[#started + 1] = start_id(ARGV[i])
    else
      known = true
    end
  end
  if to == '' and #started == 0 then return { copy and 'copy' or known and 'duplicate' or 'unmatched' } end
end
redis.call('HSET', marks_key(seen, bucket), mark, '')
local answer = { 'applied', to, length_of('resumed') + length_of('fresh'), claimed }
for _, id in ipairs(started) do answer[#answer + 1] = id end
return answer
