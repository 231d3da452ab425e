-- Of the payments whose labels are mature some are known as fraud, and not more than `fraud_rate_max` of them: none,
-- although labels speak of that time, means that ids do not match; too many, that labels are read the wrong way round.
-- Says nothing before there are `fraud_rate_least` mature payments, nor of none before a fraud label for their time.
with

labels as (

    select
        transaction_id,
        transaction_us
    from {{ ref('int_labels_as_of') }}
    where superseded_us is null and is_fraud

),

maturity as (

    select max(event_us) - {{ label_maturity_us() }} as until_us from {{ ref('int_transactions') }}

),

rate as (

    select
        count(*) as transaction_count,
        count(labels.transaction_id) as fraud_count
    from {{ ref('int_transactions') }} as transactions
    inner join maturity
        on transactions.event_us < maturity.until_us
    left join labels
        on transactions.transaction_id = labels.transaction_id

),

expected as (

    select count(*) as label_count
    from labels
    inner join maturity
        on labels.transaction_us < maturity.until_us

)

select rate.*
from rate
cross join expected
where
    rate.transaction_count >= {{ var('fraud_rate_least') }}
    and (
        (rate.fraud_count = 0 and expected.label_count > 0)
        or rate.fraud_count > {{ var('fraud_rate_max') }} * rate.transaction_count
    )
