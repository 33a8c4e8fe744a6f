-- release: releases a claim and leaves the activeflow as it was.
-- ARGV 3 id  4 token
-- Returns 1 if the claim was current, else 0
local id, token = ARGV[3], ARGV[4]
local r = load(id)
if not r or r.state ~= 'c' or r.token ~= token then return 0 end
r.token = NO_TOKEN
drop_claim(r)
make_ready(r)
save(r)
return 1
