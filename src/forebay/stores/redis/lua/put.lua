-- Put values into a window. ARGV: seconds to keep or nothing, name, size, then for each entry: topic, id, value.
-- Returns 1 for each entry that was put in now, 0 for each whose message had had its effect, in their order.

local window, size = key_of('window', ARGV[2]), tonumber(ARGV[3])
local wrong, admitted = foreign(window, 'list'), {}
for n = 4, #ARGV, 3 do
  if not wrong and not admitted[ARGV[n]] then
    wrong, admitted[ARGV[n]] = admit(ARGV[n]), {}
  end
end
if wrong then
  return wrong
end

local answers, values = {}, {}
for n = 4, #ARGV, 3 do
  local topic, id = ARGV[n], ARGV[n + 1]
  local new = call('HSETNX', key_of('inbox', topic), id, '')
  answers[#answers + 1] = new
  if new == 1 then
    table.insert(admitted[topic], id)
    values[#values + 1] = ARGV[n + 2]
  end
end
for topic, ids in pairs(admitted) do
  if #ids > 0 then
    call('HINCRBY', COUNTS, topic, #ids)
    expire_later(topic, ids, ARGV[1])
  end
end
each('LPUSH', window, values)
call('LTRIM', window, 0, size - 1)
let_go(2 * #answers)
return answers
