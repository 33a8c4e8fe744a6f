-- control: asks something of an activeflow: stop before pause before the rest; wakes what is parked.
-- ARGV 3 id  4 control (s, p, r, t, c, or f and the action id)  5 feed length
-- Returns 'accepted' | 'ended' | 'unknown'
local r = load(ARGV[3])
local new = ARGV[4]
local what = string.sub(new, 1, 1)
if not r then return 'unknown' end
if r.state == 'e' then return 'ended' end

if r.state == 'q' and what == 's' then
  look_at_owner(r)
  redis.call('DEL', key('o', r.id))
  finish_life(r, {}, ARGV[5])
  return 'ended'
end
if what == 't' then
  if r.state == 'q' then
    r.suspect, r.attempts = 2, 0
    if r.role == 'o' then
      redis.call('HSETNX', P .. ':owners', reference(r), r.id)
      if redis.call('HGET', P .. ':owners', reference(r)) ~= r.id then r.role = 's' end
    end
    make_ready(r)
    save(r)
  end
  return 'accepted'
end
if r.state == 'p' and what == 'p' then return 'accepted' end

-- Resuming takes a pause back, and keeps a jump that was asked for.
local standing = control_of(r)
local old = string.sub(standing, 1, 1)
local keeps = old == 's'
  or (old == 'p' and what ~= 's' and what ~= 'r')
  or (what == 'r' and (old == 'c' or old == 'f'))
if not keeps then redis.call('SET', key('k', r.id), new) end
r.flags = 1
if r.state == 'w' or (r.state == 'p' and (what == 's' or what == 'r')) then make_ready(r) end
save(r)
return 'accepted'
