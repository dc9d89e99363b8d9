"""What Redis does in one step, and the names of the keys.

A log is a stream `llmchat:log:<id>` with one entry for each append: its id is the offset of the
last event and `-0`, never the clock; its one field is the offset of the first event, with the
events as value (see payloads.py). Beside it a hash `…:meta` (`last`, `ended`, `writer`), and a set
`…:watchers` of the processes that follow it. A sorted set has when which log ended.
"""

from llmchat.redis import Script

PREFIX = "llmchat:"
ENDED = f"{PREFIX}ended"


def keys_of(log: str) -> list[str]:
    stream = f"{PREFIX}log:{log}"
    return [stream, f"{stream}:meta", f"{stream}:watchers", ENDED]


def channel_of(process: str) -> str:
    """Where a process is told what is appended to the logs that it watches."""
    return f"{PREFIX}tail:{process}"


# What an append says of itself: (state, the log's last offset).
OK, CONFLICT, FENCED, BEHIND = b"ok", b"conflict", b"fenced", b"behind"

# A process that does not listen any more is forgotten: it asks anew when it comes back.
_TELL = """
local function tell(first, payload)
  for _, process in ipairs(redis.call('SMEMBERS', KEYS[3])) do
    local heard = redis.call('PUBLISH', 'llmchat:tail:' .. process,
                             log .. '\\n' .. first .. '\\n' .. upto .. '\\n' .. payload)
    if heard == 0 then redis.call('SREM', KEYS[3], process) end
  end
end
"""

# log, first, upto, writer, payload, ends, again (0: no; 1: its answer was lost; 2: the log was
# lost), now, seconds to keep it after its end
APPEND = Script(f"""
local log, first, upto = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local writer, payload, ends = ARGV[4], ARGV[5], ARGV[6]
{_TELL}
local meta = redis.call('HMGET', KEYS[2], 'last', 'ended', 'writer', 'deleted')
local last = tonumber(meta[1] or 0)
if meta[4] and ARGV[7] == '2' then return {{'conflict', last}} end
if meta[1] and meta[3] ~= writer then return {{'fenced', last}} end
if ARGV[7] ~= '0' and last >= upto then
  local id = string.format('%d-0', upto)
  local found = redis.call('XRANGE', KEYS[1], id, id)
  if found[1] and found[1][2][2] == payload then return {{'ok', last}} end
end
if last < first - 1 then return {{'behind', last}} end
if last >= first or meta[2] == '1' then return {{'conflict', last}} end
redis.call('XADD', KEYS[1], string.format('%d-0', upto), first, payload)
if meta[4] then redis.call('DEL', KEYS[2]) end
redis.call('HSET', KEYS[2], 'last', upto, 'ended', ends, 'writer', writer)
tell(first, payload)
if ends == '1' then
  redis.call('ZADD', KEYS[4], ARGV[8], log)
  redis.call('EXPIRE', KEYS[1], ARGV[9])
  redis.call('EXPIRE', KEYS[2], ARGV[9])
  redis.call('DEL', KEYS[3])
end
return {{'ok', upto}}
""")

# writer
FENCE = Script("""
local meta = redis.call('HMGET', KEYS[2], 'last', 'ended')
if not meta[1] then return false end
redis.call('HSET', KEYS[2], 'writer', ARGV[1])
return {meta[1], meta[2]}
""")

# process or '': where the log stands, and from this moment on the process is told what follows
WATCH = Script("""
local meta = redis.call('HMGET', KEYS[2], 'last', 'ended', 'writer')
if not meta[1] then return false end
if meta[2] ~= '1' and ARGV[1] ~= '' then redis.call('SADD', KEYS[3], ARGV[1]) end
return meta
""")

# log; how many there were. What is left for an hour tells its owner that it was not lost.
DELETE = Script(f"""
local log, upto = ARGV[1], ''
{_TELL}
tell('', '')
redis.call('ZREM', KEYS[4], log)
redis.call('DEL', KEYS[3], KEYS[2])
redis.call('HSET', KEYS[2], 'deleted', 1)
redis.call('EXPIRE', KEYS[2], 3600)
return redis.call('DEL', KEYS[1])
""")
