-- Accept messages for every group, in one step for all of them.
-- ARGV: group, time, places or nothing, 1 when no message has a time or a rank of its own, a seed,
--       then id and value of each message.
-- Returns the numbers of those for which there was no place.
-- What can fail comes before the first write: a script that ends in its middle is not undone.

local BEFORE = 5
local places, plain = tonumber(ARGV[3]) or math.huge, ARGV[4] == '1' and discipline ~= 'priority'
math.randomseed(tonumber(ARGV[5]))

if not own_group() then
  return GONE
end
local groups, stale, taken = {}, {}, 0
local registered = call('ZRANGE', topic .. ':groups', 0, -1, 'WITHSCORES')
for n = 1, #registered, 2 do
  local keep = tonumber(registered[n + 1])
  if keep < now then
    stale[#stale + 1] = registered[n]
  else
    local group = group_of(registered[n], call('HGET', topic, 'order:' .. registered[n]))
    local waiting = call('ZCARD', group.ready) + call('ZCARD', group.delayed) + call('ZCARD', group.parked)
    if keep == math.huge and waiting > taken then
      taken = waiting
    end
    groups[#groups + 1] = group
  end
end

local ids, known = {}, {}
for n = BEFORE + 1, #ARGV, 2 do
  ids[#ids + 1] = ARGV[n]
end
for _, group in ipairs(groups) do
  for n, value in ipairs(gather('HMGET', group.messages, ids)) do
    if value then
      known[ids[n]] = true
    end
  end
  call('ZCARD', group.unfinished) -- fails here and now where the key is not ours
  call('HLEN', group.counts)
end

local refused, fields, new = {}, {}, {}
for n, id in ipairs(ids) do
  if not known[id] then
    if taken >= places then
      refused[#refused + 1] = n
    else
      taken = taken + 1
      known[id] = true
      new[#new + 1] = id
      fields[2 * #new - 1] = id
      fields[2 * #new] = ARGV[BEFORE + 2 * n]
    end
  end
end
if #new == 0 then
  return refused
end

local seq = call('HINCRBY', topic, 'seq', #new) - #new -- refused here when the memory is full
local members, numbers = {}, {}
for n, id in ipairs(new) do
  local priority = 0
  if not plain then
    local _
    _, _, priority = said_by(fields[2 * n])
  end
  members[n] = place_of(seq + n, priority) .. id
  numbers[2 * n - 1] = string.format('%d', seq + n)
  numbers[2 * n] = id
end
for _, group in ipairs(groups) do
  each('HSET', group.messages, fields)
  each('ZADD', group.unfinished, numbers)
  call('HINCRBY', group.counts, 'accepted', #new)
  local ready = members
  if group.order or not plain then
    ready = {}
    for n, member in ipairs(members) do
      enter(group, member, fields[2 * n], ready)
    end
  end
  make_ready(group, ready)
end
for _, name in ipairs(stale) do
  remove_group(name)
end
return refused
