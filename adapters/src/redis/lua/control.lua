-- control: stores a request to an activeflow (stop replaces pause, pause replaces the rest); makes a parked activeflow ready.
-- ARGV 3 id  4 control: s(top), p(ause), r(esume), re(t)ry, c(ontinue), or f(orward) and the action id  5 feed length
--      only of a request with an id: 6 mark and 7 bucket of the id  8 mark and 9 bucket of the content  10 '1' if it is void
-- Returns 'accepted' | 'ended' | 'unknown' | 'repeated' | 'reused' | 'void'
local id, control, feed_length = ARGV[3], ARGV[4], ARGV[5]
local id_mark, id_bucket, content_mark, content_bucket, is_void = ARGV[6], ARGV[7], ARGV[8], ARGV[9], ARGV[10] == '1'
local r = load(id)
local new = string.sub(control, 1, 1)
if not r then return 'unknown' end

-- Marks of requests share the window with events, and only deliveries rotate it.
local newest = id_mark and meta_of_shard().seen
if id_mark then
  if is_marked(newest, content_bucket, content_mark) then return 'repeated' end
  if is_marked(newest, id_bucket, id_mark) then return 'reused' end
  if is_void then return 'void' end
end
local function accepted()
  if id_mark then
    redis.call('HSET', marks_key(newest, id_bucket), id_mark, '')
    redis.call('HSET', marks_key(newest, content_bucket), content_mark, '')
  end
  return 'accepted'
end

if r.state == 'e' then return 'ended' end

if r.state == 'q' and new == 's' then
  check_owner(r)
  drop_outbox(r)
  end_activeflow(r, {}, feed_length)
  return 'ended'
end
if new == 't' then
  if r.state == 'q' then
    r.suspect, r.attempts = ALONE, 0
    if r.role == 'o' then
      redis.call('HSETNX', P .. OWNERS, reference(r), r.id)
      if redis.call('HGET', P .. OWNERS, reference(r)) ~= r.id then r.role = 's' end
    end
    make_ready(r)
    save(r)
  end
  return accepted()
end
if r.state == 'p' and new == 'p' then return accepted() end

-- A resume cancels a pause, and keeps a requested jump.
local old = string.sub(control_of(r), 1, 1)
local keeps = old == 's'
  or (old == 'p' and new ~= 's' and new ~= 'r')
  or (new == 'r' and (old == 'c' or old == 'f'))
if not keeps then redis.call('SET', key(CONTROL, r.id), control) end
set_flag(r, HAS_CONTROL)
if r.state == 'w' or (r.state == 'p' and (new == 's' or new == 'r')) then make_ready(r) end
save(r)
return accepted()
