-- Let leases end later, and the group be kept.
-- ARGV: group, time, seconds of the lease, seconds that the group is kept or nothing, the leases.

local due, keep = string.format('%.17g', now + tonumber(ARGV[3])), tonumber(ARGV[4])
local group = own_group()
if not group then
  return GONE
end
allow_when_full(group)
if keep then
  call('ZADD', topic .. ':groups', 'XX', now + keep, group.name)
end
for n = 5, #ARGV do
  call('ZADD', group.leases, 'XX', due, ARGV[n])
end
return 0
