{{ config(materialized='view') }}

with

transactions as (

    select * from {{ ref('int_transactions_enriched') }}

),

labels as (

    select * from {{ ref('int_labels_as_of') }}
    where superseded_us is null

),

final as (

    select
        ---------- payment
        transactions.transaction_id,
        transactions.event_time,
        transactions.event_date,
        transactions.user_id,
        transactions.amount,
        transactions.currency,
        transactions.channel,
        transactions.transaction_type,
        transactions.country,

        ---------- merchant
        transactions.merchant_id,
        transactions.merchant_name,
        transactions.merchant_category,
        transactions.merchant_risk_level,

        ---------- flags
        transactions.is_international,
        transactions.is_card_not_present,
        transactions.is_night,

        ---------- what is known now
        labels.is_fraud as is_labelled_fraud,
        coalesce(labels.is_fraud, false) as is_known_fraud,
        labels.fraud_type,
        labels.source as label_source,
        {{ timestamp_from_us('labels.known_us') }} as label_known_at

    from transactions
    left join labels
        on transactions.transaction_id = labels.transaction_id

)

select * from final
