-- raise: a shard's generation never goes back. ARGV 1 generation. Returns the generation that stands
local key = KEYS[1] .. ':meta'
local standing = tonumber(redis.call('HGET', key, 'generation') or '0')
if tonumber(ARGV[1]) > standing then
  redis.call('HSET', key, 'generation', ARGV[1])
  return tonumber(ARGV[1])
end
return standing
