-- Remember idempotency keys. ARGV: key, claim, when it was claimed, reference or nothing; again and again.
-- Returns the claims that stand and their references, in their order; no claim where it was taken now.

local CLAIMS, REFERENCES, AGES = key_of('claims'), key_of('references'), key_of('claim-ages')
local wrong = foreign(CLAIMS, 'hash', REFERENCES, 'hash', AGES, 'zset')
if wrong then
  return wrong
end

local keys = {}
for n = 1, #ARGV, 4 do
  keys[#keys + 1] = ARGV[n]
end
local standing, references = gather('HMGET', CLAIMS, keys), gather('HMGET', REFERENCES, keys)
local first, fields, ages, confirmed = {}, {}, {}, {}
for n, key in ipairs(keys) do
  local at = 4 * n - 3
  if first[key] then
    standing[n], references[n] = unpack(first[key])
  elseif not standing[n] then
    first[key] = { ARGV[at + 1], ARGV[at + 3] }
    fields[#fields + 1], fields[#fields + 2] = key, ARGV[at + 1]
    ages[#ages + 1], ages[#ages + 2] = ARGV[at + 2], key
    if ARGV[at + 3] ~= '' then
      confirmed[#confirmed + 1], confirmed[#confirmed + 2] = key, ARGV[at + 3]
    end
  end
end
each('HSET', CLAIMS, fields)
each('ZADD', AGES, ages)
each('HSET', REFERENCES, confirmed)
return { standing, references }
