{{ config(materialized='view') }}

with

-- of the two newest boundaries the older one looks back for months
transactions as (

    select * from {{ ref('int_transactions') }}

),

labels as (

    select * from {{ ref('int_labels_as_of') }}

),

needed as (

    {{ fraud_features_merchant_current('transactions', none) }}

),

final as (

    {{ fraud_features_merchant_profile('transactions', 'labels', none, 'needed') }}

)

select * from final
