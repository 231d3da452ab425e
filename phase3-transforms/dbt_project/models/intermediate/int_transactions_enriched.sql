{{ config(materialized='view') }}

with

transactions as (

    select * from {{ ref('int_transactions') }}

),

merchants as (

    select * from {{ ref('merchants') }}

),

kyc as (

    select * from {{ ref('int_kyc_as_of') }}

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

        ---------- customer, as known at the payment
        kyc.kyc_change_id,
        kyc.change_type as kyc_change_type,
        kyc.country as kyc_country,
        kyc.risk_rating as kyc_risk_rating,
        kyc.verification_level as kyc_verification_level,
        kyc.customer_since_us,

        ---------- flags
        merchants.merchant_id is not null as is_known_merchant,
        coalesce(merchants.risk_level = 'HIGH', false) as is_high_risk_merchant,
        coalesce(transactions.country <> merchants.home_country, false) as is_away_from_merchant_home,
        kyc.kyc_change_id is not null as is_known_customer,
        coalesce(kyc.risk_rating = 'HIGH', false) as is_high_risk_customer,
        coalesce(transactions.country <> kyc.country, false) as is_away_from_residence,
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
    left join kyc
        on
            transactions.user_id = kyc.user_id
            and transactions.event_us > kyc.known_us
            and (kyc.superseded_us is null or transactions.event_us <= kyc.superseded_us)

)

select * from enriched
