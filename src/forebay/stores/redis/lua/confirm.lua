-- Note references with claims. ARGV: key and reference, again and again; a key that is gone is passed over.

local CLAIMS, REFERENCES = key_of('claims'), key_of('references')
local wrong = foreign(CLAIMS, 'hash', REFERENCES, 'hash')
if wrong then
  return wrong
end
for n = 1, #ARGV, 2 do
  if call('HEXISTS', CLAIMS, ARGV[n]) == 1 then
    call('HSET', REFERENCES, ARGV[n], ARGV[n + 1])
  end
end
