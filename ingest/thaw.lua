-- Lifts the freeze of a room of which nobody knew anything. KEYS: meta, salvage.
if redis.call('HLEN', KEYS[1]) > 1 then return 0 end
for _, field in ipairs(redis.call('HKEYS', KEYS[2])) do
  if string.sub(field, 1, 6) ~= 'floor:' then return 0 end
end
return redis.call('DEL', KEYS[1], KEYS[2])
