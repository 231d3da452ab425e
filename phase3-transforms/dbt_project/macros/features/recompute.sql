{#-
    Which rows a feature model has to compute again, and how they take the place of the old ones.

    Every row carries sums of hashed Kafka coordinates over the payments, labels, KYC records and logins it was computed
    from. As-of truth means that nothing before the earliest new fact can change, so the first boundary whose sums differ
    is where to begin. A profile depends on nothing after its boundary: where only more payments look at it, the profiles
    that are there hold, and the others are computed.
-#}


{#- What `counters` gives, as literals: asked once, however often a model and its pieces need it. -#}
{% macro features_boundaries(counters) -%}
    {%- set columns = fraud_features_counter_names().split(', ') -%}
    {%- set found = run_query('select cast(as_of as varchar), ' ~ columns | join(', ') ~ ' from (' ~ counters ~ ')').rows
        if execute else [] -%}
    select
        as_of,
        {% for column in columns -%}
        cast({{ column }} as decimal(38, 0)) as {{ column }}{{ ', ' if not loop.last }}
        {%- endfor %}
    from (
        values
        {%- for row in found %}
        (date '{{ row[0] }}'{% for number in row.values()[1:] %}, '{{ number }}'{% endfor %}){{ ',' if not loop.last }}
        {%- else %}
        (date '1970-01-01'{{ ", '0'" * columns | length }})
        {%- endfor %}
    ) as boundaries (as_of, {{ columns | join(', ') }})
    {{- ' where false' if not found }}
{%- endmacro %}


{#-
    From which date on rows differ from what would be computed now (`from`), and until which the profiles among them do
    not (`settled_until`): nothing that was known before their boundary has changed, only the payments that look at it.
    Both are dates as texts; all rows differ for a build from nothing, and `from` is 9999-01-01 where none does.
    `incremental` says what the model's is_incremental() does, which asks Trino each time.
-#}
{% macro features_differing(counters, as_of) -%}
    {%- if not is_incremental() or not execute -%}
        {{ return({'from': '1970-01-01', 'settled_until': '1970-01-01', 'incremental': false}) }}
    {%- endif -%}
    {%- set columns = fraud_features_counter_names().split(', ') -%}
    {%- set query -%}
        with

        now_known as (

            {{ counters }}

        ),

        -- rows of one boundary differ where a run was killed between two pieces
        stored as (

            select
                {{ as_of }} as as_of,
                {% for column in columns -%}
                min({{ column }}) as {{ column }},
                max({{ column }}) as {{ column }}_max{{ ', ' if not loop.last }}
                {%- endfor %}
            from {{ this }}
            group by {{ as_of }}

        ),

        compared as (

            select
                coalesce(now_known.as_of, stored.as_of) as as_of,
                {% for column in columns -%}
                now_known.{{ column }} is not distinct from stored.{{ column }}
                and now_known.{{ column }} is not distinct from stored.{{ column }}_max
                    as {{ column }}{{ ', ' if not loop.last }}
                {%- endfor %}
            from now_known
            full outer join stored
                on now_known.as_of = stored.as_of

        )

        select
            cast(min(as_of) filter (where not ({{ columns | join(' and ') }})) as varchar),
            cast(min(as_of) filter (
                where not ({{ fraud_features_profile_counter_names() | replace(', ', ' and ') }})
            ) as varchar)
        from compared
    {%- endset -%}
    {%- set row = run_query(query).rows[0] -%}
    {{ return({'from': row[0] or '9999-01-01', 'settled_until': row[1] or '9999-12-31', 'incremental': true}) }}
{%- endmacro %}


{#- The earliest date whose rows differ from what would be computed now; 1970-01-01 for a build from nothing. -#}
{% macro features_recompute_from(counters, as_of) -%}
    {{ return(features_differing(counters, as_of)['from']) }}
{%- endmacro %}


{#- All that has to be computed again as one piece; none where nothing has. -#}
{% macro features_one_piece(from_date) -%}
    {{ return([{'from': from_date, 'until': '9999-12-31'}] if from_date != '9999-01-01' else []) }}
{%- endmacro %}


{#- The days of `source`, by its `event_date`, from `from_date` on as pieces. -#}
{% macro features_day_pieces(source, from_date) -%}
    {%- set whole = features_one_piece(from_date) -%}
    {{ return(spans_of(source, 'event_date', from_date) if execute and whole else whole) }}
{%- endmacro %}


{#- The payments of `source` that look at a profile from `from_date` on, each as its `id` and the boundary. -#}
{% macro features_lookups(source, id, from_date) -%}
    select
        {{ id }},
        {{ fraud_features_as_of('event_us') }} as as_of
    from {{ source }}
    where
        event_date >= date '{{ from_date }}'
        and {{ fraud_features_as_of('event_us') }} >= date '{{ from_date }}'
{%- endmacro %}


{#- The keys of the profiles that hold already, of those from `differing['from']` on. -#}
{% macro features_settled_keys(id, differing) -%}
    select
        {{ id }},
        as_of
    from {{ this }}
    where
        as_of >= date '{{ differing['from'] }}'
        and as_of < date '{{ differing['settled_until'] }}'
{%- endmacro %}


{#-
    The entities that a profile is of in buckets by their hash, as pieces: a condition over the column `id` that holds for
    one in so many, so that a piece has some 600,000 payments (three times var `piece_rows`: profiles need few columns) of
    entities with something to compute, and has no more of those that only look. Each carries the span of dates that all of them are of.
-#}
{% macro features_bucket_pieces(source, id, differing) -%}
    {%- set whole = features_one_piece(differing['from']) -%}
    {%- if not whole -%}
        {{ return([]) }}
    {%- elif not execute -%}
        {{ return([dict(whole[0], bucket='true')]) }}
    {%- endif -%}
    {%- set query -%}
        with

        lookups as (

            {{ features_lookups(source, id, differing['from']) }}

        ),

        computed_from as (

            select count(*) as payments
            from {{ source }}
            where
                event_date >= date_add('day', -{{ fraud_features_look_back_days() }}, date '{{ differing['from'] }}')
                {% if differing['incremental'] -%}
                and {{ id }} in (
                    select {{ id }}
                    from (
                        select * from lookups
                        except
                        {{ features_settled_keys(id, differing) }}
                    )
                )
                {%- endif %}

        )

        -- the profiles that hold are read in the same pieces: there may be one for each payment that looks
        select greatest((select payments from computed_from), (select count(*) from lookups))
    {%- endset -%}
    {%- set payments = run_query(query).columns[0].values()[0] | int -%}
    {%- set count = [1, payments // (3 * var('piece_rows')) + 1] | max -%}
    {%- set found = [] -%}
    {%- for number in range(count) -%}
        {%- set bucket = 'crc32(to_utf8(' ~ id ~ ')) % ' ~ count ~ ' = ' ~ number if count > 1 else 'true' -%}
        {%- do found.append(dict(whole[0], bucket=bucket)) -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}


{#-
    Replaces the rows of the piece's span by those of the model in one commit: rows that are gone are deleted too, so an
    incremental run and a rebuild give the same table. The literal dates, of the model's `range_column`, let Trino skip
    every other partition.
-#}
{% macro get_incremental_merge_range_sql(arg_dict) -%}
    {%- set piece, column = arg_dict['piece'], config.require('range_column') -%}
    {%- set keys = arg_dict['unique_key'] if arg_dict['unique_key'] is not string else [arg_dict['unique_key']] -%}
    {%- set columns = arg_dict['dest_columns'] | map(attribute='name') | list -%}

    merge into {{ arg_dict['target_relation'] }} as kept
    using (
        select
            {% for column in columns -%}
            {%- if column in keys -%}
            coalesce(computed.{{ column }}, present.{{ column }}) as {{ column }},
            {% else -%}
            computed.{{ column }},
            {% endif -%}
            {%- endfor -%}
            computed.{{ keys[0] }} is null as is_gone
        from (
            select * from {{ arg_dict['temp_relation'] }}
            where {{ in_span(column, piece) }}
        ) as computed
        full outer join (
            select {{ keys | join(', ') }}
            from {{ arg_dict['target_relation'] }}
            where {{ in_span(column, piece) }}
        ) as present
            on {% for key in keys %}computed.{{ key }} = present.{{ key }}{{ ' and ' if not loop.last }}{% endfor %}
    ) as fresh
        on
            {{ in_span('kept.' ~ column, piece) }}
            {% for key in keys -%}
            and kept.{{ key }} = fresh.{{ key }}
            {% endfor %}
    when matched and fresh.is_gone then delete
    when matched then update set
        {% for column in columns -%}
        {{ column }} = fresh.{{ column }}{{ ', ' if not loop.last }}
        {%- endfor %}
    when not matched then insert ({{ columns | join(', ') }})
    values (
        {%- for column in columns -%}
        fresh.{{ column }}{{ ', ' if not loop.last }}
        {%- endfor -%}
    )
{%- endmacro %}
