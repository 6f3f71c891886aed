-- Remove a group with all that it holds, or the whole topic. ARGV: group or nothing, time. Returns how many groups.

if ARGV[1] ~= '' then
  local there = call('ZSCORE', topic .. ':groups', ARGV[1])
  remove_group(ARGV[1])
  return there and 1 or 0
end
local groups = call('ZRANGE', topic .. ':groups', 0, -1)
for _, name in ipairs(groups) do
  remove_group(name)
end
call('UNLINK', topic, topic .. ':groups')
return #groups
