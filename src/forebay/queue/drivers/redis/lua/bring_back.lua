-- Put dead letters back to the places that they had, or remove them; returns how many there were.
-- ARGV: group, time, a seed, `return` or `drop`, the ids.

math.randomseed(tonumber(ARGV[3]))
local group = own_group()
if not group then
  return GONE
end
allow_when_full(group)
local returned, ready, number = ARGV[4] == 'return', {}, 0
for n = 5, #ARGV do
  local id = ARGV[n]
  local place = call('HGET', group.letters, id)
  if place then
    number = number + 1
    call('ZREM', group.dead, id)
    call('HDEL', group.letters, id)
    call('HDEL', group.attempts, id)
    if returned then
      call('ZADD', group.unfinished, seq_of(place), id)
      enter(group, place .. id, call('HGET', group.messages, id), ready)
    else
      call('HDEL', group.messages, id)
    end
  end
end
if number > 0 and not returned then
  call('HINCRBY', group.counts, 'discarded', number)
end
make_ready(group, ready)
return number
