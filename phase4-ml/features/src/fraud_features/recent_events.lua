-- Reads the recent events of each entity strictly before a payment, and adds the payment: in one atomic step, and
-- idempotent by identifier (the first write wins, for the API, feature_writer and every replay alike).
--
-- KEYS  per entity: sorted set of transaction ids by event time (microseconds), hash of payloads by transaction id.
-- ARGV  mode ('read_add', 'add' or 'read'), identifier, event time, payload, expiry in seconds,
--       then per entity: window, retention (both microseconds), largest number of events kept; 0 of what is only read,
--       because its events are of another kind (a payment reads the user's logins).
-- Answer  per entity: 1 when events of the window have been dropped (else 0), then the payloads, oldest first.
--
-- The hash's empty field (identifiers have at least one character) holds two event times: the newest ever dropped, and
-- the newest that mode 'add' has brought; -1 stands for none. Only mode 'add', the topic's own stream, moves the time
-- behind which events expire: a request may carry any time, and one of another year must not end everybody's windows.
local mode, id, moment, payload, expiry = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local chunk = 500 -- Lua's unpack is bounded by its stack

local function whole(number)
  return string.format('%.0f', number)
end

local function marks(payloads)
  local dropped, newest = string.match(redis.call('HGET', payloads, '') or '', '^(%S+) ?(%S*)$')
  return tonumber(dropped or '-1'), tonumber(newest or '') or -1
end

local function read(events, payloads, window, own)
  local from = tonumber(moment) - window
  local dropped = marks(payloads)
  local answer = { dropped > from and 1 or 0 }
  local ids = redis.call('ZRANGEBYSCORE', events, '(' .. whole(from), '(' .. moment)
  for first = 1, #ids, chunk do
    local last = math.min(first + chunk - 1, #ids)
    local found = redis.call('HMGET', payloads, unpack(ids, first, last))
    for index = 1, last - first + 1 do
      if found[index] and ids[first + index - 1] ~= own then
        answer[#answer + 1] = found[index]
      end
    end
  end
  return answer
end

-- Drops the members up to a rank; the newest event time among them.
local function drop(events, payloads, last_rank)
  local newest = redis.call('ZRANGE', events, last_rank, last_rank, 'WITHSCORES')[2]
  local ids = redis.call('ZRANGE', events, 0, last_rank)
  for first = 1, #ids, chunk do
    redis.call('HDEL', payloads, unpack(ids, first, math.min(first + chunk - 1, #ids)))
  end
  redis.call('ZREMRANGEBYRANK', events, 0, last_rank)
  return tonumber(newest)
end

local function add(events, payloads, retention, limit)
  local dropped, newest = marks(payloads)
  local before = whole(dropped) .. ' ' .. whole(newest)
  if mode == 'add' then
    newest = math.max(newest, tonumber(moment))
  end
  if redis.call('HSETNX', payloads, id, payload) == 1 then
    redis.call('ZADD', events, moment, id)
  end
  local expired = newest < 0 and 0 or redis.call('ZCOUNT', events, '-inf', whole(newest - retention))
  local surplus = math.max(expired, redis.call('ZCARD', events) - limit)
  if surplus > 0 then
    dropped = math.max(dropped, drop(events, payloads, surplus - 1))
  end
  local after = whole(dropped) .. ' ' .. whole(newest)
  if after ~= before then
    redis.call('HSET', payloads, '', after)
  end
  redis.call('EXPIRE', events, expiry)
  redis.call('EXPIRE', payloads, expiry)
end

local answers = {}
for index = 1, #KEYS, 2 do
  local events, payloads = KEYS[index], KEYS[index + 1]
  local at = 6 + (index - 1) / 2 * 3
  local limit = tonumber(ARGV[at + 2])
  if mode ~= 'add' then
    answers[#answers + 1] = read(events, payloads, tonumber(ARGV[at]), limit > 0 and id)
  end
  if mode ~= 'read' and limit > 0 then
    add(events, payloads, tonumber(ARGV[at + 1]), limit)
  end
end
return answers
