-- Appends events to rooms of one partition, one after the other, or says why not. Each
-- stands for itself: what becomes of one is no matter to the others. Everything it decides
-- on and everything it changes is in one slot, and the script is one atomic step.
--
-- Pure Lua 5.1 and commands that redis 7.0 and miniredis share. What Lua does costs Redis
-- more than what the commands do: each call 1 µs, each string a look at all its bytes.
--
-- KEYS: the log; then for each event the room's stream and its meta hash.
-- ARGV: for each event what append takes, from channel on.
--
-- Answers, for each event: seq              appended as seq
--          {'dup', seq, payload}    the key was used for this event ('' if trimmed)
--          {'ask', since}           look for the key in the archive, then call again
--                                   with checked = since
--          {'stale', state}         the room's state is no longer the expected one
--          {'behind'}               Redis forgot something: repair, then call again
--          {'error', text}          Redis or the keys refuse; not an error in RESP, since
--                                   go-redis loses its place in a list that holds OOM
local call, log = redis.call, KEYS[1]

-- isUnused reports whether a key is none of those that were trimmed, up to since: it is a
-- UUIDv7 and begins with a later time than all of them (see domain.Partition.Meta). Whose
-- clock made it does not matter, only that two equal keys have equal times.
local function isUnused(key, since, trimmed)
  local upTo, latest = string.match(trimmed or '', '^(%d+) (%d+)$')
  if upTo ~= since then return false end
  local high, low = string.match(key, ':(%x%x%x%x%x%x%x%x)%-(%x%x%x%x)%-7%x%x%x%-%x%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$')
  return high and tonumber(high .. low, 16) > tonumber(latest)
end

local function append(room, meta, channel, key, floor, expect, checked, changes, uuid, metadata, opening, rest)
  local known = call('HMGET', meta, 'head', 'state', 'since', 'trimmed', key)
  local head, state, since, trimmed, seen = known[1], known[2], known[3], known[4], known[5]

  local new = not since
  if new then
    -- A room that anybody ever saw an event of is not new: its floor is above 0. Nor is
    -- one that is frozen (salvage.lua).
    if floor ~= '0' or call('EXISTS', room, meta) > 0 then return {'behind'} end
    head, state, since = '0', '0', '1'
  end

  -- The key comes first: its answer stays the same, whatever became of the room.
  if key ~= '' and seen then
    local first = call('XRANGE', room, '0-' .. seen, '0-' .. seen)[1]
    return {'dup', seen, first and first[2][2] or ''}
  end
  if floor ~= head and tonumber(floor) > tonumber(head) then return {'behind'} end
  if key ~= '' and since ~= '1' and tonumber(since) > tonumber(checked) and not isUnused(key, since, trimmed) then
    return {'ask', since}
  end
  if expect ~= '' and expect ~= state then return {'stale', state} end

  local next = tonumber(head) + 1
  local seq = string.format('%d', next)
  local payload = opening .. rest
  if rest ~= '' then payload = opening .. seq .. rest end

  -- Redis assigns the id, so a stream that lost entries, or has more than the hash
  -- knows of, gives itself away here, and no seq is issued twice. This is the first
  -- write, and the only one that Redis refuses for want of memory or disk.
  local id = call('XADD', room, '0-*', 'payload', payload, 'key', key)
  if id ~= '0-' .. seq then
    call('XDEL', room, id)
    -- A stream that counts from too low must not count up to seq by our attempts.
    if tonumber(string.sub(id, 3)) < next then
      call('XDEL', room, call('XADD', room, '0-' .. seq, 'payload', ''))
    end
    return {'behind'}
  end
  call('XADD', log, '*', '_watermill_message_uuid', uuid, 'metadata', metadata, 'payload', payload)
  if new or changes == '1' or key == '' then
    if changes == '1' then state = seq end
    call('HSET', meta, 'head', seq, 'state', state, 'since', since)
    if key ~= '' then call('HSET', meta, key, seq) end
  else
    call('HSET', meta, 'head', seq, key, seq) -- most are messages, and change nothing else
  end
  if channel ~= '' then call('PUBLISH', channel, uuid .. '\n\n' .. payload) end
  return next
end

local answers = {}
for i = 1, (#KEYS - 1) / 2 do
  local k, a = 2 * i, 10 * (i - 1)
  local ok, answer = pcall(append, KEYS[k], KEYS[k + 1], ARGV[a + 1], ARGV[a + 2], ARGV[a + 3], ARGV[a + 4],
    ARGV[a + 5], ARGV[a + 6], ARGV[a + 7], ARGV[a + 8], ARGV[a + 9], ARGV[a + 10])
  if not ok then -- what Redis refuses begins with a code, what is wrong in here does not
    answer = {'error', string.find(answer, '^%u') and answer or 'ERR script: ' .. answer}
  end
  answers[i] = answer
end
return answers
