{{ config(materialized='view') }}

with

-- of the two newest boundaries the older one looks back for months
transactions as (

    select * from {{ ref('int_transactions') }}

),

labels as (

    select * from {{ ref('int_labels_as_of') }}

),

kyc as (

    select * from {{ ref('int_kyc_as_of') }}

),

needed as (

    {{ fraud_features_user_current('transactions', 'kyc') }}

),

final as (

    {{ fraud_features_user_profile('transactions', 'labels', 'kyc', 'needed') }}

)

select * from final
