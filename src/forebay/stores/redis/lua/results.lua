-- Read a page of results in the order of their ids. ARGV: the topic, the id before the first, and how many.
-- Returns the ids and their rows.

local ids = call('ZRANGEBYLEX', key_of('ids', ARGV[1]), '(' .. ARGV[2], '+', 'LIMIT', 0, ARGV[3])
return { ids, gather('HMGET', key_of('inbox', ARGV[1]), ids) }
