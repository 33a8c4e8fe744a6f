-- publish: new definitions, if nobody published since. KEYS[1] is the prefix of what belongs to no shard, sb:{definitions}.
-- ARGV 1 generation  2 definitions  3… hash and bytes of each bundle
-- Returns 0 when done, else the generation that stands, negated
local standing = tonumber(redis.call('HGET', KEYS[1], 'generation') or '0')
if tonumber(ARGV[1]) ~= standing + 1 then return -standing - 1 end
for i = 3, #ARGV, 2 do redis.call('SET', KEYS[1] .. ':bundle:' .. ARGV[i], ARGV[i + 1]) end
redis.call('HSET', KEYS[1], 'generation', ARGV[1], 'definitions', ARGV[2])
return 0
