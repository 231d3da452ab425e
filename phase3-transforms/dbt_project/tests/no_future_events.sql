-- Nothing from after a payment reaches its vector: its profile was taken at a boundary that lies at least the profile
-- lag before it. And no payment is dated outside 1990 to 2100, where it would be in no window of today's and in every
-- one of tomorrow's. No clock is asked: a simulated one may run ahead of the broker's.
select
    transaction_id,
    event_time
from {{ ref('int_transactions') }}
where event_time < timestamp '1990-01-01 00:00:00' or event_time >= timestamp '2100-01-01 00:00:00'

union all

select
    transaction_id,
    event_time
from {{ ref('mart_fraud_features') }}
where
    profile_as_of > {{ fraud_features_as_of('event_us') }}
    or profile_as_of > event_date
