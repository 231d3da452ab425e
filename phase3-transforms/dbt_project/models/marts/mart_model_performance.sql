{{ config(materialized='table') }}

{#- Rebuilt whole on each run: a new label reaches back to any day, and a few columns of the decisions tell all. -#}

with

decisions as (

    select * from {{ ref('mart_decisions') }}

),

labels as (

    select * from {{ ref('int_labels_as_of') }}
    where superseded_us is null

),

label_clock as (

    {{ label_clock(ref('int_labels_as_of'), ref('int_transactions')) }}

),

labelled as (

    select
        decisions.decided_date,
        decisions.model_version,
        decisions.verdict,
        decisions.verdict <> 'APPROVED' as is_alert,
        cast(decisions.amount * 100 as bigint) as amount_cents,
        {{ epoch_us('decisions.event_time') }} as event_us,
        coalesce(labels.is_fraud, false) as is_known_fraud
    from decisions
    left join labels
        on decisions.transaction_id = labels.transaction_id

),

counted as (

    select
        decided_date,
        model_version,
        max(event_us) as newest_event_us,
        count(*) as decision_count,
        count_if(is_alert) as alert_count,
        count_if(verdict = 'BLOCKED') as blocked_count,
        count_if(is_known_fraud) as known_fraud_count,
        count_if(is_known_fraud and is_alert) as true_positive_count,
        coalesce(sum(amount_cents) filter (where is_known_fraud and verdict = 'BLOCKED'), 0) as saved_cents,
        coalesce(sum(amount_cents) filter (where is_known_fraud and verdict = 'REVIEW'), 0) as reviewed_cents,
        coalesce(sum(amount_cents) filter (where is_known_fraud and not is_alert), 0) as lost_cents,
        coalesce(sum(amount_cents) filter (where not is_known_fraud and verdict = 'BLOCKED'), 0) as blocked_cents
    from labelled
    group by decided_date, model_version

),

aged as (

    select
        counted.*,
        coalesce(greatest(label_clock.reached_us - counted.newest_event_us, 0) / 86400000000, 0) as label_age_days
    from counted
    cross join label_clock

),

judged as (

    select
        *,
        label_age_days >= {{ label_maturity_days() }} as is_mature
    from aged

),

-- whatever needs the absence of a label is not told of a young day: most of its frauds are not known yet
final as (

    select
        decided_date,
        model_version,

        ---------- how much of the truth is known
        label_age_days,
        is_mature,

        ---------- counts
        decision_count,
        alert_count,
        blocked_count,
        known_fraud_count,
        true_positive_count,
        if(is_mature, alert_count - true_positive_count) as false_positive_count,
        if(is_mature, known_fraud_count - true_positive_count) as false_negative_count,

        ---------- rates
        if(is_mature and alert_count > 0, cast(true_positive_count as double) / alert_count) as precision_share,
        if(
            is_mature and known_fraud_count > 0, cast(true_positive_count as double) / known_fraud_count
        ) as recall_share,

        ---------- money
        if(is_mature, saved_cents) as amount_saved_cents,
        if(is_mature, reviewed_cents) as amount_reviewed_cents,
        if(is_mature, lost_cents) as amount_lost_cents,
        if(is_mature, blocked_cents) as amount_blocked_wrongly_cents
    from judged

)

select * from final
