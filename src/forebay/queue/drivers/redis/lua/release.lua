-- Give back all that is leased under tokens that begin so; returns how many there were.
-- ARGV: group, time, a seed, the beginnings of tokens.

math.randomseed(tonumber(ARGV[3]))
local group = own_group()
if not group then
  return 0
end
allow_when_full(group)
local ready = {}
for _, lease in ipairs(call('ZRANGE', group.leases, 0, -1)) do
  for n = 4, #ARGV do
    if string.sub(lease, 1, #ARGV[n]) == ARGV[n] then
      call('ZREM', group.leases, lease)
      ready[#ready + 1] = string.sub(lease, TOKEN + 1)
      break
    end
  end
end
make_ready(group, ready)
return #ready
