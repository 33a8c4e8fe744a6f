-- release: gives a claim back unchanged. ARGV 3 id  4 token. Returns 1 if it stood, else 0
local r = load(ARGV[3])
if not r or r.state ~= 'c' or r.token ~= ARGV[4] then return 0 end
r.token = NOBODY
drop_claim(r)
make_ready(r)
save(r)
return 1
