-- control: stores a request to an activeflow (stop replaces pause, pause replaces the rest); makes a parked activeflow ready.
-- ARGV 3 id  4 control: s(top), p(ause), r(esume), re(t)ry, c(ontinue), or f(orward) and the action id  5 feed length
-- Returns 'accepted' | 'ended' | 'unknown'
local id, control, feed_length = ARGV[3], ARGV[4], ARGV[5]
local r = load(id)
local new = string.sub(control, 1, 1)
if not r then return 'unknown' end
if r.state == 'e' then return 'ended' end

if r.state == 'q' and new == 's' then
  check_owner(r)
  redis.call('DEL', key(OUTBOX, r.id))
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
  return 'accepted'
end
if r.state == 'p' and new == 'p' then return 'accepted' end

-- A resume cancels a pause, and keeps a requested jump.
local old = string.sub(control_of(r), 1, 1)
local keeps = old == 's'
  or (old == 'p' and new ~= 's' and new ~= 'r')
  or (new == 'r' and (old == 'c' or old == 'f'))
if not keeps then redis.call('SET', key(CONTROL, r.id), control) end
r.flags = 1
if r.state == 'w' or (r.state == 'p' and (new == 's' or new == 'r')) then make_ready(r) end
save(r)
return 'accepted'
