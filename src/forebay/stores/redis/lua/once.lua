-- Take the inbox row of a message and run commands with it.
-- ARGV: seconds to keep or nothing, topic, id, then each command: how many words, and these.
-- Returns nothing, or the number of the command that the server refused and why: those before it stay done, the row
-- does not.

local topic, id = ARGV[2], ARGV[3]
local wrong = admit(topic)
if wrong then
  return wrong
end
local inbox = key_of('inbox', topic)
if call('HSETNX', inbox, id, '') == 0 then
  return {}
end
call('HINCRBY', COUNTS, topic, 1)
expire_later(topic, { id }, ARGV[1])

local at, number = 4, 0
while at <= #ARGV do
  local n = tonumber(ARGV[at])
  local answer = try(unpack(ARGV, at + 1, at + n))
  number, at = number + 1, at + 1 + n
  if type(answer) == 'table' and answer.err then
    call('HDEL', inbox, id)
    call('HINCRBY', COUNTS, topic, -1)
    call('ZREM', EXPIRIES, id .. '\0' .. topic)
    return { number, answer.err }
  end
end
let_go(2)
return {}
