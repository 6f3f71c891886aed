-- Lease messages, the next ones by the discipline.
-- ARGV: group, time, token, seconds of the lease, limit, a seed, seconds that the group is kept or nothing.
-- Returns the seconds until something is due, the messages, their values, the attempts before (when there were any),
--         and how many messages had lost their value.

local FIRST_STEP, LAST_STEP, MOST_BYTES = 16, 1024, 4194304
local token, limit, keep = ARGV[3], tonumber(ARGV[5]), tonumber(ARGV[7])
local due = string.format('%.17g', now + tonumber(ARGV[4]))
math.randomseed(tonumber(ARGV[6]))

local group = own_group()
if not group then
  return GONE
end
call('HLEN', group.messages) -- fails here and now where the key is not ours
allow_when_full(group)
promote(group, math.max(limit, 1000))
if keep then
  call('ZADD', topic .. ':groups', 'XX', now + keep, group.name)
end

-- In steps, and not too much at once: an answer of some megabytes holds up all others.
local taken, kept, found, lost, size, step = {}, {}, {}, 0, 0, FIRST_STEP
repeat
  local popped = call('ZPOPMIN', group.ready, math.min(limit - #taken, step))
  local members, ids, leases = {}, {}, {}
  for n = 1, #popped, 2 do
    members[#members + 1] = popped[n]
    ids[#ids + 1] = id_of(popped[n])
  end
  for n, value in ipairs(#ids > 0 and call('HMGET', group.messages, unpack(ids)) or {}) do
    if value then
      taken[#taken + 1] = members[n]
      kept[#kept + 1] = value
      found[#found + 1] = ids[n]
      leases[#leases + 1] = due
      leases[#leases + 1] = token .. members[n]
      size = size + #value
    else
      lost = lost + 1
      call('ZREM', group.unfinished, ids[n])
    end
  end
  each('ZADD', group.leases, leases)
  local dry = #members < step
  step = math.min(4 * step, LAST_STEP)
until dry or #taken >= limit or size > MOST_BYTES
if #taken == 0 then
  return { until_next_due(group), {}, {}, {}, lost }
end
local attempts = call('EXISTS', group.attempts) == 1 and gather('HMGET', group.attempts, found) or {}
return { '0', taken, kept, attempts, lost }
