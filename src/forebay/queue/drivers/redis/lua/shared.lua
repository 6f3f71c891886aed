-- What all scripts share; it stands before each of them.
--
-- KEYS[1] is the topic; every other key is made from it, and lies in its slot of a cluster.
-- ARGV[1] is the group, ARGV[2] the time in seconds (tests move it), or nothing: that of the server.
--
-- A message of a group is `place .. id` in the sorted sets: the place sorts the messages of a discipline as text.
-- A lease is `token .. place .. id`: who does not know the token of the claim cannot settle it.

local TOKEN, PLACE = 20, 20
local FIRST_RANK = 2147483648
local LAST_SEQ = 281474976710655
local CHUNK = 4000 -- arguments of one call; Lua cannot unpack more than 8000
local call = redis.call

local topic = KEYS[1]
local now = tonumber(ARGV[2])
if not now then
  local time = call('TIME')
  now = time[1] + time[2] / 1000000
end

local facts = call('HMGET', topic, 'discipline', 'order:' .. ARGV[1])
local discipline = facts[1]

local KINDS = {
  ready = 'zset', leases = 'zset', delayed = 'zset', parked = 'zset', unfinished = 'zset', dead = 'zset',
  messages = 'hash', attempts = 'hash', letters = 'hash', heads = 'hash', counts = 'hash',
}

local function group_of(name, order)
  local group = { name = name, order = order ~= 'none' and order or false, bell = topic .. ':' .. name .. ':bell' }
  for kind in pairs(KINDS) do
    group[kind] = topic .. ':' .. name .. ':' .. kind
  end
  return group
end

-- The group of the caller; nil when the server has lost it.
local function own_group()
  if discipline and call('ZSCORE', topic .. ':groups', ARGV[1]) then
    return group_of(ARGV[1], facts[2])
  end
end

local GONE = redis.error_reply('GONE the topic or the group is no longer there')

-- Redis refuses the first growing write of a script while its memory is full. What is held must be able to end all the
-- same, or the memory stays full: so a removal, of nothing, goes first.
local function allow_when_full(group)
  call('ZREM', group.leases, '')
end

-- Many numbers are handed over as text: to write one out costs the server more than all else that is done with it.
local function each(command, key, arguments)
  for first = 1, #arguments, CHUNK do
    call(command, key, unpack(arguments, first, math.min(first + CHUNK - 1, #arguments)))
  end
end

local function gather(command, key, arguments)
  if #arguments <= CHUNK then
    return #arguments > 0 and call(command, key, unpack(arguments)) or {}
  end
  local all = {}
  for first = 1, #arguments, CHUNK do
    for _, one in ipairs(call(command, key, unpack(arguments, first, math.min(first + CHUNK - 1, #arguments)))) do
      all[#all + 1] = one
    end
  end
  return all
end

local function id_of(member)
  return string.sub(member, PLACE + 1)
end

-- What a value says of its message: key, not_before, priority. A foreign value says nothing.
local function said_by(value)
  local well, _, key, not_before, priority = pcall(cmsgpack.unpack_limit, value or '', 3, 1)
  if well then
    return type(key) == 'string' and key, tonumber(not_before) or 0, tonumber(priority) or 0
  end
  return false, 0, 0
end

local function place_of(seq, priority)
  if discipline == 'priority' then
    local rank = FIRST_RANK - math.max(math.min(priority, FIRST_RANK), 1 - FIRST_RANK)
    return string.format('%08x%012x', rank, seq)
  end
  return string.format('80000000%012x', discipline == 'lifo' and LAST_SEQ - seq or seq)
end

local function seq_of(place)
  local seq = tonumber(string.sub(place, 9), 16)
  return discipline == 'lifo' and LAST_SEQ - seq or seq
end

local function ring(group)
  redis.pcall('PUBLISH', group.bell, '')
end

local function make_ready(group, members)
  if #members == 0 then
    return
  end
  local was_empty = call('EXISTS', group.ready) == 0
  local random, arguments = discipline == 'random', {}
  for n, member in ipairs(members) do
    arguments[2 * n - 1] = random and math.random() or '0'
    arguments[2 * n] = member
  end
  each('ZADD', group.ready, arguments)
  if was_empty then
    ring(group)
  end
end

-- Let a message wait for its time; receivers look at the clock anew when it comes before all that they wait for.
local function delay(group, member, due)
  call('ZADD', group.delayed, due, member)
  if call('ZRANGE', group.delayed, 0, 0)[1] == member then
    ring(group)
  end
end

-- The lane of a message: of one lane only the head is ready, delayed or in work, the others are parked behind it.
local function lane_of(group, key)
  if group.order == 'partition' then
    return '-'
  end
  return key and redis.sha1hex(key)
end

-- Put a message where it belongs: behind the head of its lane, to wait for its time, or into `ready`.
local function enter(group, member, value, ready, due)
  local key, not_before = said_by(value)
  local lane = group.order and lane_of(group, key)
  if lane then
    if call('HEXISTS', group.heads, lane) == 1 then
      call('ZADD', group.parked, 0, lane .. member)
      return
    end
    call('HSET', group.heads, lane, 1)
  end
  due = math.max(due or 0, not_before)
  if due > now then
    delay(group, member, due)
  else
    ready[#ready + 1] = member
  end
end

-- The heads with these values have ended: each makes room for the next of its lane.
local function leave_lanes(group, values)
  local ready = {}
  for _, value in ipairs(values) do
    local lane = lane_of(group, (said_by(value)))
    if lane and call('HINCRBY', group.heads, lane, -1) < 1 then
      call('HDEL', group.heads, lane)
      local following = call('ZRANGEBYLEX', group.parked, '[' .. lane, '(' .. lane .. '\255', 'LIMIT', 0, 1)[1]
      if following then
        call('ZREM', group.parked, following)
        local member = string.sub(following, #lane + 1)
        enter(group, member, call('HGET', group.messages, id_of(member)), ready)
      end
    end
  end
  make_ready(group, ready)
end

-- Forget messages that came to their end.
local function forget(group, ids)
  if #ids == 0 then
    return
  end
  local values = group.order and gather('HMGET', group.messages, ids)
  each('HDEL', group.messages, ids)
  each('ZREM', group.unfinished, ids)
  if call('EXISTS', group.attempts) == 1 then
    each('HDEL', group.attempts, ids)
  end
  return values
end

-- Make ready what is due: an ended lease counts as an attempt, for its worker may have died of the message.
local function promote(group, most)
  local ready = {}
  for _, lease in ipairs(call('ZRANGEBYSCORE', group.leases, '-inf', now, 'LIMIT', 0, most)) do
    call('ZREM', group.leases, lease)
    ready[#ready + 1] = string.sub(lease, TOKEN + 1)
    call('HINCRBY', group.attempts, id_of(ready[#ready]), 1)
  end
  for _, member in ipairs(call('ZRANGEBYSCORE', group.delayed, '-inf', now, 'LIMIT', 0, most)) do
    call('ZREM', group.delayed, member)
    ready[#ready + 1] = member
  end
  make_ready(group, ready)
end

-- Seconds until the next lease or delay ends, as text; nothing when there is none.
local function until_next_due(group)
  local lease = tonumber(call('ZRANGE', group.leases, 0, 0, 'WITHSCORES')[2])
  local delayed = tonumber(call('ZRANGE', group.delayed, 0, 0, 'WITHSCORES')[2])
  local due = lease and delayed and math.min(lease, delayed) or lease or delayed
  return due and string.format('%.6f', due - now) or ''
end

local function remove_group(name)
  local group = group_of(name)
  for kind in pairs(KINDS) do
    call('UNLINK', group[kind])
  end
  call('ZREM', topic .. ':groups', name)
  call('HDEL', topic, 'order:' .. name)
end
