-- Appends one event to a room, or says why not. Everything it decides on and
-- everything it changes is in one slot, and the script is one atomic step.
--
-- Pure Lua 5.1 and commands that redis 7.0 and miniredis share.
--
-- Answers: {'ok', seq}              appended as seq
--          {'dup', seq, payload}    the key was used for this event ('' if trimmed)
--          {'ask', since}           look for the key in the archive, then call again
--                                   with checked = since
--          {'stale', state}         the room's state is no longer the expected one
--          {'behind'}               Redis forgot something: repair, then call again
local room, meta, log = KEYS[1], KEYS[2], KEYS[3]
local channel, key, floor, expect, checked, changes, uuid, metadata, payload, seq_at = unpack(ARGV)

local known = redis.call('HMGET', meta, 'head', 'state', 'since', key)
local head, state, since, seen = known[1], known[2], known[3], known[4]

if not since then
  -- A room that anybody ever saw an event of is not new: its floor is above 0. Nor is
  -- one that is frozen (salvage.lua).
  if floor ~= '0' or redis.call('EXISTS', room, meta) > 0 then return {'behind'} end
  head, state, since = '0', '0', '1'
end

-- The key comes first: its answer stays the same, whatever became of the room.
if key ~= '' and seen then
  local first = redis.call('XRANGE', room, '0-' .. seen, '0-' .. seen)[1]
  return {'dup', seen, first and first[2][2] or ''}
end
if tonumber(floor) > tonumber(head) then return {'behind'} end
if key ~= '' and tonumber(since) > 1 and tonumber(since) > tonumber(checked) then
  return {'ask', since}
end
if expect ~= '' and expect ~= state then return {'stale', state} end

local seq = string.format('%.0f', tonumber(head) + 1)
if seq_at ~= '' then
  payload = string.sub(payload, 1, tonumber(seq_at)) .. seq .. string.sub(payload, tonumber(seq_at) + 1)
end

-- Redis assigns the id, so a stream that lost entries, or has more than the hash
-- knows of, gives itself away here, and no seq is issued twice. This is the first
-- write, and the only one that Redis refuses for want of memory or disk.
local id = redis.call('XADD', room, '0-*', 'payload', payload, 'key', key)
if id ~= '0-' .. seq then
  redis.call('XDEL', room, id)
  -- A stream that counts from too low must not count up to seq by our attempts.
  if tonumber(string.sub(id, 3)) < tonumber(seq) then
    redis.call('XDEL', room, redis.call('XADD', room, '0-' .. seq, 'payload', ''))
  end
  return {'behind'}
end
redis.call('XADD', log, '*', '_watermill_message_uuid', uuid, 'metadata', metadata, 'payload', payload)
if changes == '1' then state = seq end
redis.call('HSET', meta, 'head', seq, 'state', state, 'since', since)
if key ~= '' then redis.call('HSET', meta, key, seq) end
if channel ~= '' then redis.call('PUBLISH', channel, uuid .. '\n\n' .. payload) end
return {'ok', seq}
