-- Event time may not run ahead of the moment at which the broker took the message: a payment from the future would
-- be in no window of today's and in every window of tomorrow's. The wall clock is not asked.
select
    transaction_id,
    event_time,
    _kafka_timestamp
from {{ ref('int_transactions') }}
where event_time > _kafka_timestamp + interval '{{ var('future_tolerance_hours') }}' hour
