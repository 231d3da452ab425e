{{
    config(
        materialized='incremental',
        incremental_strategy='merge_range',
        unique_key=['user_id', 'as_of'],
        range_column='as_of',
        gathered=true,
        rebuilt_with_columns=true,
        on_schema_change='fail',
        properties={'partitioned_by': "ARRAY['as_of']"},
    )
}}

{{ features_profiles('user_id', fraud_features_user_profile) }}
