-- Reads the recent payments of each entity strictly before a payment, and adds the payment: in one atomic step, and
-- idempotent by transaction id (the first write wins, for the API, feature_writer and every replay alike).
--
-- KEYS  per entity: sorted set of transaction ids by event time (microseconds), hash of payloads by transaction id.
-- ARGV  mode ('read_add', 'add' or 'read'), transaction id, event time, payload, expiry in seconds,
--       then per entity: window, retention (both microseconds), largest number of events kept.
-- Answer  per entity: 1 when events of the window have been dropped (else 0), then the payloads, oldest first.
--
-- The hash's empty field holds the newest event time ever dropped: identifiers have at least one character.
local mode, id, moment, payload, expiry = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local chunk = 500 -- Lua's unpack is bounded by its stack

local function whole(number)
  return string.format('%.0f', number)
end

local function read(events, payloads, window)
  local from = tonumber(moment) - window
  local dropped = tonumber(redis.call('HGET', payloads, '') or '-1')
  local answer = { dropped > from and 1 or 0 }
  local ids = redis.call('ZRANGEBYSCORE', events, '(' .. whole(from), '(' .. moment)
  for first = 1, #ids, chunk do
    local last = math.min(first + chunk - 1, #ids)
    local found = redis.call('HMGET', payloads, unpack(ids, first, last))
    for index = 1, last - first + 1 do
      if found[index] and ids[first + index - 1] ~= id then
        answer[#answer + 1] = found[index]
      end
    end
  end
  return answer
end

-- Drops the members between two ranks and remembers the newest event time among them.
local function drop(events, payloads, last_rank)
  local newest = redis.call('ZRANGE', events, last_rank, last_rank, 'WITHSCORES')[2]
  local ids = redis.call('ZRANGE', events, 0, last_rank)
  for first = 1, #ids, chunk do
    redis.call('HDEL', payloads, unpack(ids, first, math.min(first + chunk - 1, #ids)))
  end
  redis.call('ZREMRANGEBYRANK', events, 0, last_rank)
  local dropped = tonumber(redis.call('HGET', payloads, '') or '-1')
  if tonumber(newest) > dropped then
    redis.call('HSET', payloads, '', whole(tonumber(newest)))
  end
end

local function add(events, payloads, retention, limit)
  if redis.call('HSETNX', payloads, id, payload) == 1 then
    redis.call('ZADD', events, moment, id)
    local newest = tonumber(redis.call('ZRANGE', events, -1, -1, 'WITHSCORES')[2])
    local expired = redis.call('ZCOUNT', events, '-inf', whole(newest - retention))
    local surplus = math.max(expired, redis.call('ZCARD', events) - limit)
    if surplus > 0 then
      drop(events, payloads, surplus - 1)
    end
  end
  redis.call('EXPIRE', events, expiry)
  redis.call('EXPIRE', payloads, expiry)
end

local answers = {}
for index = 1, #KEYS, 2 do
  local events, payloads = KEYS[index], KEYS[index + 1]
  local at = 6 + (index - 1) / 2 * 3
  if mode ~= 'add' then
    answers[#answers + 1] = read(events, payloads, tonumber(ARGV[at]))
  end
  if mode ~= 'read' then
    add(events, payloads, tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]))
  end
end
return answers
