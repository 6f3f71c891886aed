-- Remove old claims, and let go of rows whose time is over. ARGV: the time before which a claim is old, how many.
-- Returns how many claims were removed, and how many rows.

local CLAIMS, REFERENCES, AGES = key_of('claims'), key_of('references'), key_of('claim-ages')
local wrong = foreign(CLAIMS, 'hash', REFERENCES, 'hash', AGES, 'zset', EXPIRIES, 'zset')
if wrong then
  return wrong
end
local old = call('ZRANGEBYSCORE', AGES, '-inf', '(' .. ARGV[1], 'LIMIT', 0, ARGV[2])
each('HDEL', CLAIMS, old)
each('HDEL', REFERENCES, old)
each('ZREM', AGES, old)
return { #old, let_go(ARGV[2]) }
