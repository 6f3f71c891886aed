-- Make the topic and the group where they do not exist.
-- ARGV: group, time, name of the topic, discipline asked for or nothing, order asked for or nothing,
--       seconds that a group without a sign of life is kept, or nothing: for ever, the discipline of a new topic.
-- Returns the discipline of the topic and the order of the group.

local name, wish, order, keep = ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])
local groups = topic .. ':groups'

local function foreign(key, kind)
  local found = call('TYPE', key).ok
  return found ~= 'none' and found ~= kind and redis.error_reply('FOREIGN ' .. key .. ' is a ' .. found)
end

local function new_group(group, score)
  call('ZADD', groups, 'NX', score, group)
end

-- The order has changed: sort out anew who is the head of each lane. What is in work stays there.
local function sort_out(group)
  local members = {}
  for _, kind in ipairs({ 'ready', 'delayed' }) do
    for _, member in ipairs(call('ZRANGE', group[kind], 0, -1)) do
      members[#members + 1] = member
    end
  end
  for _, parked in ipairs(call('ZRANGE', group.parked, 0, -1)) do
    members[#members + 1] = string.sub(parked, (facts[2] == 'key' and 40 or 1) + 1)
  end
  call('DEL', group.ready, group.parked, group.heads)
  if group.order then
    for _, lease in ipairs(call('ZRANGE', group.leases, 0, -1)) do
      local lane = lane_of(group, (said_by(call('HGET', group.messages, string.sub(lease, TOKEN + PLACE + 1)))))
      if lane then
        call('HINCRBY', group.heads, lane, 1)
      end
    end
  end
  table.sort(members)
  local ready = {}
  for _, member in ipairs(members) do
    local due = tonumber(call('ZSCORE', group.delayed, member) or 0)
    call('ZREM', group.delayed, member)
    enter(group, member, call('HGET', group.messages, id_of(member)), ready, due)
  end
  make_ready(group, ready)
end

local bad = foreign(topic, 'hash') or foreign(groups, 'zset')
for kind, type in pairs(KINDS) do
  bad = bad or foreign(group_of(ARGV[1])[kind], type) or foreign(group_of(name)[kind], type)
end
if bad then
  return bad
end

if not discipline then
  discipline = wish ~= '' and wish or ARGV[7] ~= '' and ARGV[7] or 'fifo'
  call('HSET', topic, 'discipline', discipline, 'made_at', now)
elseif wish ~= '' and wish ~= discipline then
  for _, other in ipairs(call('ZRANGE', groups, 0, -1)) do
    if call('EXISTS', group_of(other).messages) == 1 then
      return redis.error_reply('KEPT the topic ' .. name .. ' is ' .. discipline .. ', and not empty')
    end
  end
  discipline = wish
  call('HSET', topic, 'discipline', discipline)
end
new_group(name, 'inf')
new_group(ARGV[1], keep and now + keep or 'inf')

local group = group_of(ARGV[1], order ~= '' and order or facts[2])
if order ~= '' and order ~= (facts[2] or 'none') then
  call('HSET', topic, 'order:' .. ARGV[1], order)
  sort_out(group)
end
call('PUBLISH', group.bell, '') -- who may not ring may not be told of messages: better known now
return { discipline, group.order or 'none' }
