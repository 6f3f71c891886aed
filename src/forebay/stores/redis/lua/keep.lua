-- Keep documents of a collection. ARGV: its name, then key and value, again and again.
-- Returns for each the number that it got now, or the row that stands under its key: number and value.

local collection, numbers = key_of('collection', ARGV[1]), key_of('numbers', ARGV[1])
local wrong = foreign(collection, 'hash', numbers, 'zset')
if wrong then
  return wrong
end

local keys = {}
for n = 2, #ARGV, 2 do
  keys[#keys + 1] = ARGV[n]
end
local answers, first, fields, members = gather('HMGET', collection, keys), {}, {}, {}
local number = tonumber(call('ZREVRANGE', numbers, 0, 0, 'WITHSCORES')[2] or 0)
for n, key in ipairs(keys) do
  if first[key] then
    answers[n] = first[key]
  elseif not answers[n] then
    number = number + 1
    local digits = string.format('%d', number)
    first[key] = digits .. ' ' .. ARGV[2 * n + 1]
    fields[#fields + 1], fields[#fields + 2] = key, first[key]
    members[#members + 1], members[#members + 2] = digits, key
    answers[n] = number
  end
end
each('HSET', collection, fields)
each('ZADD', numbers, members)
return answers
