-- Of what a vector is made of, three things are held to their time. Its profile was taken at the newest boundary that
-- lies the profile lag before the payment, or an older one. It knows no more frauds of the merchant than labels that
-- were known before the payment tell of payments before it: compared without the macros that made the profile. And
-- no payment is dated outside 1990 to 2100, where it would be in no window of today's and in every one of tomorrow's.
-- That no other column looks ahead is not told here, but by tests that change what comes later and see no vector
-- differ. No clock is asked: a simulated one may run ahead of the broker's.
{%- set known_frauds = feature_column('merchant', 'known_frauds', 'count', '90d') %}
with

payments as (

    select
        transaction_id,
        event_time
    from {{ ref('int_transactions') }}
    where event_time < timestamp '1990-01-01 00:00:00' or event_time >= timestamp '2100-01-01 00:00:00'

),

profiles as (

    select
        transaction_id,
        event_time
    from {{ ref('mart_fraud_features') }}
    where
        profile_as_of > {{ fraud_features_as_of('event_us') }}
        or profile_as_of > event_date

),

-- of the payments that look at one profile the first: what it knows, all of them know
firsts as (

    select
        merchant_id,
        max({{ known_frauds }}) as fraud_count,
        min(event_us) as event_us,
        min(event_time) as event_time,
        min_by(transaction_id, event_us) as transaction_id
    from {{ ref('mart_fraud_features') }}
    where {{ known_frauds }} > 0
    group by merchant_id, profile_as_of

),

frauds as (

    select
        merchant_id,
        known_us,
        transaction_us
    from {{ ref('int_labels_as_of') }}
    where is_fraud

),

told_ahead as (

    select
        firsts.transaction_id,
        firsts.event_time
    from firsts
    left join frauds
        on
            firsts.merchant_id = frauds.merchant_id
            and firsts.event_us > frauds.known_us
            and firsts.event_us > frauds.transaction_us
    group by firsts.transaction_id, firsts.event_time, firsts.fraud_count
    having count(frauds.known_us) < firsts.fraud_count

)

select * from payments
union all
select * from profiles
union all
select * from told_ahead
