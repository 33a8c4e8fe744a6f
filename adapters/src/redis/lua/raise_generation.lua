-- raise_generation: raises a shard's generation, which never goes back.
-- ARGV 1 generation
-- Returns the current generation
local generation = ARGV[1]
local current = tonumber(redis.call('HGET', P .. META, 'generation') or '0')
if tonumber(generation) > current then
  redis.call('HSET', P .. META, 'generation', generation)
  return tonumber(generation)
end
return current
