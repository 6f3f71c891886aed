-- Begin to use a prefix. ARGV: the version of the store.
-- Returns the version that the keys have.

local wrong = foreign(
  key_of('version'), 'string', COUNTS, 'hash', EXPIRIES, 'zset',
  key_of('claims'), 'hash', key_of('references'), 'hash', key_of('claim-ages'), 'zset'
)
if wrong then
  return wrong
end
local version = call('GET', key_of('version'))
if version then
  return version
end
call('SET', key_of('version'), ARGV[1])
return ARGV[1]
