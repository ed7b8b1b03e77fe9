-- Puts back what Redis has forgotten of a room, as repair.go has planned it, unless
-- the room is no longer as it was when the plan was made: then somebody else has
-- repaired, trimmed or appended, and nothing is changed. One atomic step.
--
-- ARGV: head, state, since ('' for absent), length and last id of the stream, number
-- of salvaged fields, as they were; '1' to make the stream anew, else ''; the new head, state and since;
-- then three lists, each after its length: stream entries (seq, payload, key), keys
-- (key, seq), log entries (uuid, metadata, payload).
--
-- Answers 1 if it has done it, else 0.
local room, meta, log, salvage = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local at = 0
local function take()
  at = at + 1
  return ARGV[at]
end

local is = redis.call('HMGET', meta, 'head', 'state', 'since')
for i = 1, 3 do
  if (is[i] or '') ~= take() then return 0 end
end
local length, last = 0, ''
if redis.call('EXISTS', room) == 1 then
  local info = redis.call('XINFO', 'STREAM', room)
  for i = 1, #info, 2 do
    if info[i] == 'length' then length = info[i + 1] end
    if info[i] == 'last-generated-id' then last = info[i + 1] end
  end
end
if tostring(length) ~= take() or last ~= take() then return 0 end
if tostring(redis.call('HLEN', salvage)) ~= take() then return 0 end

if take() == '1' then redis.call('DEL', room) end
local head, state, since = take(), take(), take()
for _ = 1, tonumber(take()) do
  local seq, payload, key = take(), take(), take()
  redis.call('XADD', room, '0-' .. seq, 'payload', payload, 'key', key)
end
redis.call('DEL', meta, salvage)
redis.call('HSET', meta, 'head', head, 'state', state, 'since', since)
for _ = 1, tonumber(take()) do
  local key, seq = take(), take()
  redis.call('HSET', meta, key, seq)
end
for _ = 1, tonumber(take()) do
  local uuid, metadata, payload = take(), take(), take()
  redis.call('XADD', log, '*', '_watermill_message_uuid', uuid, 'metadata', metadata, 'payload', payload)
end
return 1
