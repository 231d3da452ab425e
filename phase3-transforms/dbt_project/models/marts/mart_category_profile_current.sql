{{ config(materialized='view') }}

with

-- of the two newest boundaries the older one looks back for a month
transactions as (

    select * from {{ ref('int_transactions') }}

),

needed as (

    {{ fraud_features_category_current('transactions', none) }}

),

final as (

    {{ fraud_features_category_profile('transactions', none, none, 'needed') }}

)

select * from final
