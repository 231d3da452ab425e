{#-
    The schema hash of the definition that Gold is built with; run-dbt puts it into the environment. Empty where nothing
    is built, as for the documentation.
-#}
{% macro feature_schema_hash() -%}
    {%- set found = env_var('FRAUD_FEATURES_SCHEMA_HASH', '') -%}
    {%- if execute and not found and flags.WHICH in ['run', 'build'] -%}
        {{ exceptions.raise_compiler_error(
            'FRAUD_FEATURES_SCHEMA_HASH is empty: run dbt by run-dbt, which asks fraud-features for it'
        ) }}
    {%- endif -%}
    {{ found }}
{%- endmacro %}


{#-
    One row per day of decisions, with a checksum of everything that its comparison is made from: its decisions, the
    payments and labels behind Gold's rows up to theirs, whether Gold has reached them, the definition and the settings.
-#}
{% macro feature_parity_days() -%}
    with

    reached as (

        select max(_kafka_timestamp) as reached_at from {{ ref('int_transactions') }}

    ),

    boundaries as (

        {{ fraud_features_boundaries(ref('mart_fraud_features')) }}

    )

    select
        decisions.decided_date,
        min(decisions.event_date) as earliest_event_date,
        to_hex(checksum(row(
            decisions.transaction_id,
            decisions.decided_at <= reached.reached_at,
            boundaries._fingerprint,
            '{{ feature_schema_hash() }}',
            {{ var('parity_window_delay_seconds') }},
            {{ var('parity_profile_delay_minutes') }}
        ))) as _fingerprint
    from {{ ref('int_decision_vectors') }} as decisions
    cross join reached
    left join boundaries
        on {{ fraud_features_as_of('decisions.event_us') }} = boundaries.as_of
    group by decisions.decided_date
{%- endmacro %}


{#-
    The first day of decisions whose comparison is not the stored one, and the earliest day of their payments, as
    `[day, day]`; from the beginning for a build from nothing.
-#}
{% macro feature_parity_recompute_from() -%}
    {%- if not is_incremental() or not execute -%}
        {{ return(['1970-01-01', '1970-01-01']) }}
    {%- endif -%}
    {%- set query -%}
        with

        now_known as (

            {{ feature_parity_days() }}

        ),

        stored as (

            select distinct
                decided_date,
                _fingerprint
            from {{ this }}

        ),

        changed as (

            select min(coalesce(now_known.decided_date, stored.decided_date)) as decided_date
            from now_known
            full outer join stored
                on now_known.decided_date = stored.decided_date
            where now_known._fingerprint is distinct from stored._fingerprint

        )

        select
            cast(min(changed.decided_date) as varchar) as from_date,
            cast(min(now_known.earliest_event_date) as varchar) as from_event_date
        from changed
        left join now_known
            on changed.decided_date <= now_known.decided_date
    {%- endset -%}
    {%- set found = run_query(query).rows[0] -%}
    {{ return([found[0] or '9999-01-01', found[1] or '9999-01-01']) }}
{%- endmacro %}
