-- Read documents by their numbers, the highest first. ARGV: the collection, the highest number, the lowest, how many.
-- Returns the keys and their rows.

local highest, lowest = ARGV[2], ARGV[3]
local keys = call('ZREVRANGEBYSCORE', key_of('numbers', ARGV[1]), highest, lowest, 'LIMIT', 0, ARGV[4])
return { keys, gather('HMGET', key_of('collection', ARGV[1]), keys) }
