-- Returns the state of one message, its attempts and its value; nothing when it is not there.
-- ARGV: group, time, id.

local id = ARGV[3]
local group = own_group()
if not group then
  return GONE
end
local value = call('HGET', group.messages, id)
if not value then
  return false
end
local attempts = tonumber(call('HGET', group.attempts, id) or 0)
if call('ZSCORE', group.dead, id) then
  return { 'dead', attempts, value }
end
local key, _, priority = said_by(value)
local member = place_of(tonumber(call('ZSCORE', group.unfinished, id) or 0), priority) .. id
local lane = group.order and lane_of(group, key)
local due = call('ZSCORE', group.delayed, member)
if due and tonumber(due) > now then
  return { 'retrying', attempts, value }
end
if due or call('ZSCORE', group.ready, member) or lane and call('ZSCORE', group.parked, lane .. member) then
  return { 'waiting', attempts, value }
end
for _, lease in ipairs(call('ZRANGEBYSCORE', group.leases, '-inf', now)) do
  if string.sub(lease, TOKEN + 1) == member then
    return { 'waiting', attempts + 1, value }
  end
end
return { 'in work', attempts + 1, value }
