{{
    config(
        materialized='incremental',
        incremental_strategy='merge_range',
        unique_key=['decided_date', 'feature'],
        range_column='decided_date',
        on_schema_change='fail',
    )
}}

{%- set from_date, from_event_date = feature_parity_recompute_from() %}
{{ pieces(features_one_piece(from_date)) }}

{#-
    Trino computes a CTE as often as it is named: the join of vectors is named twice, and no more. It keeps the right side
    of a join in memory and reads of the left what that side names: the fewer rows stand on the right.
-#}

with

decisions as (

    select * from {{ ref('int_decision_vectors') }}
    where decided_date >= date '{{ from_date }}'

),

gold as (

    select * from {{ ref('mart_fraud_features') }}
    where event_date >= date '{{ from_event_date }}'

),

-- so far do profiles look back, from a boundary that lies up to two days before a payment
payments as (

    select * from {{ ref('int_transactions') }}
    where event_date >= date_add('day', -{{ fraud_features_look_back_days() }} - 2, date '{{ from_event_date }}')

),

labels as (

    select * from {{ ref('int_labels_as_of') }}

),

kyc as (

    select * from {{ ref('int_kyc_as_of') }}

),

logins as (

    select * from {{ ref('int_logins') }}
    where event_date >= date_add('day', -2, date '{{ from_event_date }}')

),

features as (

    {{ fraud_features_relation() }}

),

days as (

    {{ feature_parity_days() }}

),

reached as (

    select max(_kafka_timestamp) as reached_at from {{ ref('int_transactions') }}

),

totals as (

    select
        decided_date,
        count(*) as decision_count,
        count_if(schema_hash <> '{{ feature_schema_hash() }}') as other_definition_count
    from decisions
    group by decided_date

),

-- What is not here cannot be compared: a payment that Gold does not have, or has at another moment than the decision
-- assumed, and a decision made after all that Gold has been told.
comparable as (

    select
        decisions.*,
        gold.profile_as_of,
        decisions.mode = 'no_features' or decisions.vector is null as is_without_features,
        if(
            decisions.mode = 'no_features' or decisions.vector is null,
            {{ fraud_features_names() }},
            {{ fraud_features_differing('decisions', 'gold') }}
        ) as differing
    from gold
    inner join decisions
        on
            gold.event_date = decisions.event_date
            and gold.transaction_id = decisions.transaction_id
            and gold.event_us = decisions.event_us
    cross join reached
    where
        decisions.schema_hash = '{{ feature_schema_hash() }}'
        and decisions.decided_at <= reached.reached_at

),

-- a decision without any difference keeps one row, which counts it
differences as (

    select
        comparable.transaction_id,
        comparable.decided_date,
        comparable.is_without_features,
        comparable.flags,
        comparable.missing,
        difference.feature
    from comparable
    cross join unnest(concat(array[''], comparable.differing)) as difference (feature)

),

differing as (

    select * from comparable
    where cardinality(differing) > 0 and not is_without_features

),

late as (

    {{ fraud_features_late(
        'differing', 'payments', 'labels', 'kyc', 'logins',
        var('parity_window_delay_seconds') ~ ' * bigint \'1000000\'',
        var('parity_profile_delay_minutes') ~ ' * bigint \'60000000\''
    ) }}

),

judged as (

    select
        differences.decided_date,
        differences.feature,
        differences.transaction_id,
        case
            when differences.feature = '' then 'compared'
            when
                differences.is_without_features
                or contains(differences.missing, differences.feature)
                or arrays_overlap(differences.flags, features.flags) then 'missing'
            when bool_or(late.age_us < features.span_us) then 'late'
            else 'mismatch'
        end as outcome
    from differences
    left join features
        on differences.feature = features.feature
    left join late
        on
            differences.transaction_id = late.transaction_id
            and features.entity = late.entity
            and contains(features.evidence, late.evidence)
    group by
        differences.decided_date,
        differences.feature,
        differences.transaction_id,
        differences.is_without_features,
        differences.flags,
        differences.missing,
        features.flags

),

counted as (

    select
        decided_date,
        feature,
        count_if(outcome = 'compared') as compared_count,
        count_if(outcome = 'missing') as missing_count,
        count_if(outcome = 'late') as late_count,
        count_if(outcome = 'mismatch') as mismatch_count,
        min(transaction_id) filter (where outcome = 'mismatch') as mismatch_example
    from judged
    group by decided_date, feature

),

-- a day has rows for features that nothing was counted of, too
counted_by_day as (

    select
        decided_date,
        max(compared_count) as compared_count,
        map_agg(feature, missing_count) as missing_counts,
        map_agg(feature, late_count) as late_counts,
        map_agg(feature, mismatch_count) as mismatch_counts,
        map_agg(feature, mismatch_example) as mismatch_examples
    from counted
    group by decided_date

),

outcomes as (

    select
        totals.decided_date,
        features.feature,
        totals.decision_count,
        totals.other_definition_count,
        days._fingerprint,
        coalesce(counted_by_day.compared_count, 0) as compared_count,
        coalesce(element_at(counted_by_day.missing_counts, features.feature), 0) as missing_count,
        coalesce(element_at(counted_by_day.late_counts, features.feature), 0) as late_count,
        coalesce(element_at(counted_by_day.mismatch_counts, features.feature), 0) as mismatch_count,
        element_at(counted_by_day.mismatch_examples, features.feature) as mismatch_example
    from totals
    cross join features
    inner join days
        on totals.decided_date = days.decided_date
    left join counted_by_day
        on totals.decided_date = counted_by_day.decided_date

),

final as (

    select
        decided_date,
        feature,

        ---------- decisions of the day
        decision_count,
        other_definition_count,
        decision_count - other_definition_count - compared_count as unmatched_count,
        compared_count,

        ---------- of those compared
        compared_count - mismatch_count - missing_count - late_count as match_count,
        mismatch_count,
        missing_count,
        late_count,
        if(compared_count > 0, cast(mismatch_count as double) / compared_count) as mismatch_share,
        mismatch_example,

        ---------- what the row was computed from
        _fingerprint
    from outcomes

)

select * from final
