{{
    config(
        materialized='incremental',
        incremental_strategy='merge_range',
        unique_key=['merchant_category_code', 'as_of'],
        on_schema_change='fail',
        properties={'partitioned_by': "ARRAY['as_of']"},
    )
}}

{{ features_profiles('merchant_category_code', fraud_features_category_profile) }}
