-- End deliveries.
-- ARGV: group, time, a seed, how many are done, the leases of those, then for each other one:
--       lease, `retry`, `dead` or `release`, seconds of delay, a new value or nothing.
-- Returns the numbers of those whose lease was lost.

math.randomseed(tonumber(ARGV[3]))
local BEFORE = 4
local done = tonumber(ARGV[4])

local group = own_group()
if not group then
  return GONE
end
allow_when_full(group)

local leases, lost = {}, {}
for n = 1, done do
  leases[n] = ARGV[BEFORE + n]
end
for n = BEFORE + done + 1, #ARGV, 4 do
  leases[#leases + 1] = ARGV[n]
end
local held = {}
for n, score in ipairs(gather('ZMSCORE', group.leases, leases)) do
  held[leases[n]] = score and true
end

local function is_held(n)
  local lease = leases[n]
  if held[lease] then
    held[lease] = false -- the second settlement of a batch comes too late
    return lease
  end
  lost[#lost + 1] = n
end

local ended, ids = {}, {}
for n = 1, done do
  local lease = is_held(n)
  if lease then
    ended[#ended + 1] = lease
    ids[#ids + 1] = string.sub(lease, TOKEN + PLACE + 1)
  end
end
each('ZREM', group.leases, ended)
local values = forget(group, ids)
if #ids > 0 then
  call('HINCRBY', group.counts, 'done', #ids)
end

local function die(member, id)
  call('ZREM', group.unfinished, id)
  call('ZADD', group.dead, 0, id)
  call('HSET', group.letters, id, string.sub(member, 1, PLACE))
end

local ready, dead = {}, {}
for n = done + 1, #leases do
  local lease = is_held(n)
  if lease then
    local at = BEFORE + done + 4 * (n - done - 1) + 1
    local ending, value = ARGV[at + 1], ARGV[at + 3]
    local member = string.sub(lease, TOKEN + 1)
    local id = id_of(member)
    call('ZREM', group.leases, lease)
    if ending == 'release' then
      ready[#ready + 1] = member
    else
      call('HINCRBY', group.attempts, id, 1)
      if value ~= '' then
        call('HSET', group.messages, id, value)
      end
      if ending == 'retry' then
        local pause = tonumber(ARGV[at + 2])
        delay(group, member, now + (pause == pause and pause or 0)) -- no set takes what is no number
      else
        die(member, id)
        dead[#dead + 1] = group.order and call('HGET', group.messages, id)
      end
    end
  end
end
make_ready(group, ready)
if group.order then
  leave_lanes(group, values or {})
  leave_lanes(group, dead)
end
return lost
