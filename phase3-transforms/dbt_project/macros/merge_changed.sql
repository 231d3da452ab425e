{#-
    Incremental strategy `merge_changed`, for aggregates of a day or less. The model keeps, in `_fingerprint`, the sum of
    the fingerprints of the facts that each row was computed from. An incremental run looks at the days whose sum is no
    longer the stored one, and gives one row for each key of them whose sum is not: with the new values, or with a null
    fingerprint where no fact is left under the key. Late, replaced and vanished facts all show, and the table is what a
    rebuild would make.
-#}
{% macro get_incremental_merge_changed_sql(arg_dict) -%}
    {%- set keys = [arg_dict['unique_key']] if arg_dict['unique_key'] is string else arg_dict['unique_key'] -%}
    {%- set columns = arg_dict['dest_columns'] | map(attribute='name') | list -%}

    merge into {{ arg_dict['target_relation'] }} as stored
    using {{ arg_dict['temp_relation'] }} as computed
        on {% for key in keys %}stored.{{ key }} = computed.{{ key }}{{ ' and ' if not loop.last }}{% endfor %}
    when matched and computed._fingerprint is null then delete
    when matched then update set
        {% for column in columns -%}
        {{ column }} = computed.{{ column }}{{ ', ' if not loop.last }}
        {%- endfor %}
    when not matched and computed._fingerprint is not null then insert ({{ columns | join(', ') }})
    values (
        {%- for column in columns -%}
        computed.{{ column }}{{ ', ' if not loop.last }}
        {%- endfor -%}
    )
{%- endmacro %}


{#- The keys whose fingerprint in `facts` (one row per key) differs from the stored one, gone ones included. -#}
{% macro changed_keys(facts, keys, model) -%}
    select
        {% for key in keys -%}
        coalesce({{ facts }}.{{ key }}, stored.{{ key }}) as {{ key }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ facts }}
    full outer join {{ model }} as stored
        on
            {% for key in keys -%}
            {{ 'and ' if not loop.first }}{{ facts }}.{{ key }} = stored.{{ key }}
            {% endfor %}
    where {{ facts }}._fingerprint is distinct from stored._fingerprint
{%- endmacro %}


{#-
    The days that have to be looked at, as pieces with a list of date literals: those whose sum of fingerprints in
    `facts` is not that of the model's rows; all days for a build from nothing.

    `facts` is a query of one row per `event_date` with `row_count` and `_fingerprint`. A piece has five times the rows
    of others: what is summed up as it is read is not held.
-#}
{% macro changed_days(facts, model) -%}
    {%- set nothing = [] if is_incremental() else [{'days': "date '1970-01-01'"}] -%}
    {%- if not execute -%}
        {{ return(nothing) }}
    {%- endif -%}
    {%- set query -%}
        with

        facts as (

            {{ facts }}

        )

        {% if is_incremental() -%}
        select
            cast(coalesce(facts.event_date, stored.event_date) as varchar),
            coalesce(facts.row_count, 0)
        from facts
        full outer join (
            select
                event_date,
                sum(_fingerprint) as _fingerprint
            from {{ model }}
            group by event_date
        ) as stored
            on facts.event_date = stored.event_date
        where facts._fingerprint is distinct from stored._fingerprint
        {%- else -%}
        select
            cast(event_date as varchar),
            row_count
        from facts
        {%- endif %}
        order by 1
    {%- endset -%}
    {%- set found = [] -%}
    {%- for days in grouped_days(run_query(query).rows, 5 * var('piece_rows')) -%}
        {%- do found.append({'days': "date '" ~ days | join("', date '") ~ "'"}) -%}
    {%- endfor -%}
    {{ return(found or nothing) }}
{%- endmacro %}


{#- The rows of merge_changed come from a view, as with the adapter's own merge: one statement reads them, once. -#}
{% macro get_incremental_tmp_relation_type(strategy, unique_key, language) -%}
    {{ return('view' if strategy in ('merge', 'merge_changed') else 'table') }}
{%- endmacro %}
