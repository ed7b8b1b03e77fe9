-- Removes the oldest entries of a room's stream, with their idempotency keys, and
-- raises `since`: all in one step, so that a key is in the hash exactly as long as its
-- event is in the stream. `trimmed` goes with `since`, if that of before did: it has to
-- cover all keys that ever left (see domain.Partition.Meta).
--
-- KEYS  1 room stream  2 meta hash  3 lease of the partition
-- ARGV  1 lease token  2 below: entries with a smaller seq go  3 how many at most
-- Returns how many entries went; -1 when the lease is another's.
if redis.call('GET', KEYS[3]) ~= ARGV[1] then return -1 end

-- Without `since` the room is unknown here, and ingest has to put it back first: a
-- hash with a `since` but no head would pretend otherwise.
local meta = redis.call('HMGET', KEYS[2], 'since', 'trimmed')
local since = meta[1]
if not since then return 0 end
local upTo, latest = string.match(meta[2] or '1 0', '^(%d+) (%d+)$')
if upTo ~= since then latest = nil end
since, latest = tonumber(since), tonumber(latest)

local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if not newest then return 0 end
local function seq(entry) return tonumber(string.match(entry[1], '^0%-(%d+)$')) end

-- The last entry always stays: it is what makes XADD 0-* go on from the right seq.
local below = math.min(tonumber(ARGV[2]), seq(newest))
if below <= 1 then return 0 end
local old = redis.call('XRANGE', KEYS[1], '-', string.format('0-%d', below - 1), 'COUNT', tonumber(ARGV[3]))
if #old == 0 then return 0 end

local uuid7 = ':(%x%x%x%x%x%x%x%x)%-(%x%x%x%x)%-7%x%x%x%-%x%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$' -- as in append.lua
local keys = {}
for _, entry in ipairs(old) do
  local fields = entry[2]
  for i = 1, #fields, 2 do
    if fields[i] == 'key' and fields[i + 1] ~= '' then
      keys[#keys + 1] = fields[i + 1]
      local high, low = string.match(fields[i + 1], uuid7)
      if high and latest then latest = math.max(latest, tonumber(high .. low, 16)) end
    end
  end
end
local keep = seq(old[#old]) + 1
if since < keep then redis.call('HSET', KEYS[2], 'since', string.format('%d', keep)) end
if latest then
  redis.call('HSET', KEYS[2], 'trimmed', string.format('%d %d', math.max(since, keep), latest))
else
  redis.call('HDEL', KEYS[2], 'trimmed')
end
if #keys > 0 then redis.call('HDEL', KEYS[2], unpack(keys)) end
redis.call('XTRIM', KEYS[1], 'MINID', string.format('0-%d', keep))
return #old
