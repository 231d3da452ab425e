{{ config(materialized='view') }}

with

transactions as (

    select * from {{ ref('int_transactions') }}

),

merchants as (

    select * from {{ ref('merchants') }}

),

enriched as (

    select
        ---------- payment
        transactions.transaction_id,
        transactions.event_time,
        transactions.event_us,
        transactions.event_date,
        transactions.user_id,
        transactions.merchant_id,
        transactions.card_hash,
        transactions.device_id,
        transactions.ip_hash,
        transactions.account_id,
        transactions.counterparty_id,
        transactions.amount,
        transactions.amount_cents,
        transactions.currency,
        transactions.merchant_category_code,
        transactions.channel,
        transactions.transaction_type,
        transactions.card_bin,
        transactions.country,
        transactions.counterparty_country,
        transactions.latitude,
        transactions.longitude,
        transactions.card_present,
        transactions.is_international,

        ---------- merchant
        merchants.merchant_name,
        merchants.category as merchant_category,
        merchants.home_country as merchant_home_country,
        merchants.risk_level as merchant_risk_level,

        ---------- flags
        merchants.merchant_id is not null as is_known_merchant,
        coalesce(merchants.risk_level = 'HIGH', false) as is_high_risk_merchant,
        coalesce(transactions.country <> merchants.home_country, false) as is_away_from_merchant_home,
        coalesce(not transactions.card_present, false) as is_card_not_present,
        hour(transactions.event_time) < 6 as is_night,
        transactions.amount_cents % 10000 = 0 as is_round_amount,

        ---------- kafka coordinates
        transactions._kafka_timestamp,
        transactions._partition,
        transactions._offset

    from transactions
    left join merchants
        on transactions.merchant_id = merchants.merchant_id

)

select * from enriched
