-- publish: stores new definitions if they follow the current generation. KEYS[1] is sb:{definitions}.
-- ARGV 1 generation  2 definitions  3… hash and bytes of each bundle
-- Returns 0 when done, else -1 minus the current generation
local generation, definitions = ARGV[1], ARGV[2]
local current = tonumber(redis.call('HGET', P, 'generation') or '0')
if tonumber(generation) ~= current + 1 then return -current - 1 end
for i = 3, #ARGV, 2 do
  local hash, bytes = ARGV[i], ARGV[i + 1]
  redis.call('SET', key(BUNDLE, hash), bytes)
end
redis.call('HSET', P, 'generation', generation, 'definitions', definitions)
return 0
