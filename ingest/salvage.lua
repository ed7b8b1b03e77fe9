-- Freezes a room that went back, and keeps what this node knows of it until somebody
-- repairs the room with what all nodes know (repair.go). Without `since` nothing can be
-- appended to it. Does nothing if the room is no longer as it was found. One atomic step.
--
-- KEYS: meta, salvage. ARGV: head, state, since ('' for absent) as they were found; the
-- highest seq known to have been issued; then seq and payload of each event.
--
-- Answers 1 if it has done it, else 0.
local meta, salvage = KEYS[1], KEYS[2]
local is = redis.call('HMGET', meta, 'head', 'state', 'since')
for i = 1, 3 do
  if (is[i] or '') ~= ARGV[i] then return 0 end
end
redis.call('HSET', meta, 'frozen', '1')
redis.call('HDEL', meta, 'since')
redis.call('HSET', salvage, 'floor:' .. ARGV[4], '')
for i = 5, #ARGV, 2 do
  redis.call('HSETNX', salvage, ARGV[i], ARGV[i + 1])
end
return 1
