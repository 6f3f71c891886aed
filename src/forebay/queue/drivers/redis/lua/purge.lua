-- Remove messages that wait or retry, at most so many; returns how many there were. Those behind others go first.
-- ARGV: group, time, limit.

local limit = tonumber(ARGV[3])
local group = own_group()
if not group then
  return GONE
end
allow_when_full(group)
promote(group, limit)

local ids, heads = {}, {}
local function take(kind, cut)
  local members = call('ZRANGE', group[kind], 0, limit - #ids - 1)
  each('ZREM', group[kind], members)
  for _, member in ipairs(members) do
    ids[#ids + 1] = id_of(string.sub(member, cut + 1))
    if kind ~= 'parked' then
      heads[#heads + 1] = ids[#ids]
    end
  end
end
for _, kind in ipairs({ 'parked', 'ready', 'delayed' }) do
  if #ids < limit then
    take(kind, kind == 'parked' and (group.order == 'key' and 40 or 1) or 0)
  end
end
local values = group.order and gather('HMGET', group.messages, heads)
forget(group, ids)
if values then
  leave_lanes(group, values)
end
if #ids > 0 then
  call('HINCRBY', group.counts, 'discarded', #ids)
end
return #ids
