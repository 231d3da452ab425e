-- Of the payments whose labels are mature, at least one and at most `fraud_rate_max` of all are known as fraud: none
-- at all means that labels do not arrive or do not match, too many that they are read the wrong way round.
-- Says nothing before there are 10,000 mature payments and the first label.
with

newest as (

    select max(event_us) as event_us from {{ ref('int_transactions') }}

),

mature as (

    select transactions.transaction_id
    from {{ ref('int_transactions') }} as transactions
    cross join newest
    where transactions.event_us < newest.event_us - {{ label_maturity_us() }}

),

labels as (

    select
        transaction_id,
        is_fraud
    from {{ ref('int_labels_as_of') }}
    where superseded_us is null

),

rate as (

    select
        count(*) as transaction_count,
        count_if(labels.is_fraud) as fraud_count
    from mature
    left join labels
        on mature.transaction_id = labels.transaction_id

)

select *
from rate
where
    transaction_count >= 10000
    and exists (select 1 from labels)
    and (fraud_count = 0 or fraud_count > {{ var('fraud_rate_max') }} * transaction_count)
