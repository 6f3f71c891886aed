-- Returns ids, values and attempts of dead letters. ARGV: group, time, limit, the id after which to begin or nothing.

local group = own_group()
if not group then
  return GONE
end
local first = ARGV[4] ~= '' and '(' .. ARGV[4] or '-'
local ids = call('ZRANGEBYLEX', group.dead, first, '+', 'LIMIT', 0, ARGV[3])
return { ids, gather('HMGET', group.messages, ids), gather('HMGET', group.attempts, ids) }
