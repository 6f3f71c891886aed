-- Returns accepted, done, discarded, dead, waiting, in work, retrying, the value of the oldest unfinished message, and
-- the time. ARGV: group, time.

local group = own_group()
if not group then
  return GONE
end
local counted = call('HMGET', group.counts, 'accepted', 'done', 'discarded')
local over = call('ZCOUNT', group.leases, '-inf', now)
local due = call('ZCOUNT', group.delayed, '-inf', now)
local oldest = call('ZRANGE', group.unfinished, 0, 0)[1]
return {
  tonumber(counted[1]) or 0, tonumber(counted[2]) or 0, tonumber(counted[3]) or 0, call('ZCARD', group.dead),
  call('ZCARD', group.ready) + call('ZCARD', group.parked) + over + due,
  call('ZCARD', group.leases) - over, call('ZCARD', group.delayed) - due,
  oldest and call('HGET', group.messages, oldest) or false, string.format('%.17g', now),
}
