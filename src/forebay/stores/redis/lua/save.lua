-- Keep results. ARGV: seconds to keep or nothing, then for each topic: its name, n, and n times id and row.
-- No id stands twice under its topic. An inbox row without a result is empty, and takes it.
-- Returns 1 for each result that was kept now, 0 for each that was there, in their order.

local answers = {}

local function save(topic, ids, rows)
  local inbox, fields, members, kept, new = key_of('inbox', topic), {}, {}, {}, 0
  local standing = gather('HMGET', inbox, ids)
  for n, id in ipairs(ids) do
    local free = not standing[n] or standing[n] == ''
    answers[#answers + 1] = free and 1 or 0
    if free then
      new = new + (standing[n] and 0 or 1)
      kept[#kept + 1] = id
      fields[2 * #kept - 1], fields[2 * #kept] = id, rows[n]
      members[2 * #kept - 1], members[2 * #kept] = '0', id
    end
  end
  if #kept > 0 then
    each('HSET', inbox, fields)
    each('ZADD', key_of('ids', topic), members)
    call('HINCRBY', COUNTS, topic, new)
    expire_later(topic, kept, ARGV[1])
  end
end

local sections, at = {}, 2
while at <= #ARGV do
  local section = { topic = ARGV[at], ids = {}, rows = {} }
  local n = tonumber(ARGV[at + 1])
  local wrong = admit(section.topic)
  if wrong then
    return wrong
  end
  for k = 1, n do
    section.ids[k], section.rows[k] = ARGV[at + 2 * k], ARGV[at + 2 * k + 1]
  end
  sections[#sections + 1] = section
  at = at + 2 + 2 * n
end
for _, section in ipairs(sections) do
  save(section.topic, section.ids, section.rows)
end
let_go(2 * #answers)
return answers
