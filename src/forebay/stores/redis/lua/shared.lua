-- What all scripts of a store share; it stands before each of them.
--
-- KEYS[1] is the prefix of the store; every other key is made from it, and lies in its slot of a cluster if the prefix
-- has a {tag}. Time is that of the server.
-- What can fail comes before the first write that counts: a script that ends in its middle is not undone.

local CHUNK = 4000 -- arguments of one call; Lua cannot unpack more than 8000
local call, try = redis.call, redis.pcall

local function key_of(kind, name)
  return KEYS[1] .. ':' .. kind .. (name and ':' .. name or '')
end

local COUNTS, EXPIRIES = key_of('counts'), key_of('expiries')

-- Return an error where a key is taken by something else than ours: pairs of key and type.
local function foreign(...)
  for n = 1, select('#', ...), 2 do
    local key, kind = select(n, ...), select(n + 1, ...)
    local found = call('TYPE', key).ok
    if found ~= 'none' and found ~= kind then
      return redis.error_reply('FOREIGN ' .. key .. ' is a ' .. found)
    end
  end
end

local function each(command, key, arguments)
  for first = 1, #arguments, CHUNK do
    call(command, key, unpack(arguments, first, math.min(first + CHUNK - 1, #arguments)))
  end
end

local function gather(command, key, arguments)
  local all = {}
  for first = 1, #arguments, CHUNK do
    for _, one in ipairs(call(command, key, unpack(arguments, first, math.min(first + CHUNK - 1, #arguments)))) do
      all[#all + 1] = one
    end
  end
  return all
end

-- Make sure that rows of this topic can be written; refused here and now when the memory is full.
local function admit(topic)
  local wrong = foreign(key_of('inbox', topic), 'hash', key_of('ids', topic), 'zset', COUNTS, 'hash', EXPIRIES, 'zset')
  if not wrong then
    call('HINCRBY', COUNTS, topic, 0)
  end
  return wrong
end

local function seconds()
  local time = call('TIME')
  return time[1] + time[2] / 1000000
end

-- No name holds a NUL, so the member of an expiry can be told apart again.
local function expire_later(topic, ids, keep)
  if keep ~= '' then
    local due, pairs_of = string.format('%.3f', seconds() + keep), {}
    for n, id in ipairs(ids) do
      pairs_of[2 * n - 1] = due
      pairs_of[2 * n] = id .. '\0' .. topic
    end
    each('ZADD', EXPIRIES, pairs_of)
  end
end

-- Let rows go whose time is over, and return how many. Their count stays. Nothing here may stop what has been written.
local function let_go(most)
  local over = try('ZRANGEBYSCORE', EXPIRIES, '-inf', seconds(), 'LIMIT', 0, most)
  for _, member in ipairs(over) do
    local cut = string.find(member, '\0', 1, true)
    if cut then
      local id, topic = string.sub(member, 1, cut - 1), string.sub(member, cut + 1)
      try('HDEL', key_of('inbox', topic), id)
      try('ZREM', key_of('ids', topic), id)
    end
    try('ZREM', EXPIRIES, member)
  end
  return #over
end
