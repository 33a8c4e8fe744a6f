-- keys.lua: the keys that scripts use. RECORD, OWNERS, DEDUP_BUCKETS and so on are constants that scripts.rs writes in.
-- P is the prefix of every key: sb:{n} for shard n, so that all keys of a shard share its cluster slot, or sb:{definitions}
-- for what belongs to no shard. In a call for several shards, `enter` changes it.
local P = KEYS[1]

-- A number without an exponent.
local function int(n) return string.format('%.0f', n) end

local function key(kind, id) return P .. kind .. id end

-- Marks of one generation of the dedup window, in one of its buckets.
local function marks_key(generation, bucket) return P .. ':d:' .. int(generation) .. ':' .. bucket end

-- Whether the window contains a mark; `newest` is the number of its newest generation.
local function is_marked(newest, bucket, mark)
  for back = 0, math.min(newest, DEDUP_GENERATIONS - 1) do
    if redis.call('HEXISTS', marks_key(newest - back, bucket), mark) == 1 then return true end
  end
  return false
end

local function wake(channel) redis.call('PUBLISH', channel, string.match(P, '{(%d+)}')) end
