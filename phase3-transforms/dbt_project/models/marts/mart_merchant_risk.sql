{{
    config(
        materialized='incremental',
        incremental_strategy='merge_range',
        unique_key=['merchant_id', 'as_of'],
        range_column='as_of',
        gathered=true,
        rebuilt_with_columns=true,
        on_schema_change='fail',
        properties={'partitioned_by': "ARRAY['as_of']"},
    )
}}

{{ features_profiles('merchant_id', fraud_features_merchant_profile) }}
