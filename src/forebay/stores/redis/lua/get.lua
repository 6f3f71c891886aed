-- Find the results of a message in all topics. ARGV: its id.
-- Returns topic and row, again and again.

local found = {}
for _, topic in ipairs(call('HKEYS', COUNTS)) do
  local row = call('HGET', key_of('inbox', topic), ARGV[1])
  if row and row ~= '' then
    found[#found + 1] = topic
    found[#found + 1] = row
  end
end
return found
