{#-
    Which rows a feature model has to compute again, and how they take the place of the old ones.

    Every row carries sums of hashed Kafka coordinates over the payments, labels, KYC records and logins it was computed
    from. As-of truth means that nothing before the earliest new fact can change, so the first boundary whose sums differ is where to begin.
-#}


{#- The earliest date whose rows differ from what would be computed now; 1970-01-01 for a build from nothing. -#}
{% macro features_recompute_from(counters, as_of) -%}
    {%- if not is_incremental() or not execute -%}
        {{ return('1970-01-01') }}
    {%- endif -%}
    {%- set columns = ['offsets_at', 'offsets_before', 'label_offsets_before', 'kyc_offsets_before', 'login_offsets'] -%}
    {%- set query -%}
        with

        now_known as (

            {{ counters }}

        ),

        stored as (

            select
                {{ as_of }} as as_of,
                {% for column in columns -%}
                min({{ column }}) as {{ column }}{{ ', ' if not loop.last }}
                {%- endfor %}
            from {{ this }}
            group by {{ as_of }}

        )

        select cast(min(coalesce(now_known.as_of, stored.as_of)) as varchar)
        from now_known
        full outer join stored
            on now_known.as_of = stored.as_of
        where
            {% for column in columns -%}
            now_known.{{ column }} is distinct from stored.{{ column }}{{ ' or ' if not loop.last }}
            {%- endfor %}
    {%- endset -%}
    {%- set earliest = run_query(query).columns[0].values()[0] -%}
    {{ return(earliest or '9999-01-01') }}
{%- endmacro %}


{#- Marks the range in the compiled model, so that the merge uses the same literal. -#}
{% macro features_range(column, from_date) -%}
    /* recompute range: {{ column }} >= date '{{ from_date }}' */
{%- endmacro %}


{#-
    Replaces the rows of the marked range by those of the model in one commit: rows that are gone are deleted too, so
    an incremental run and a rebuild give the same table. The literal range lets Trino skip every other partition.
-#}
{% macro get_incremental_merge_range_sql(arg_dict) -%}
    {%- set found = modules.re.search("recompute range: (\\w+ >= date '[0-9-]+')", model['compiled_code']) -%}
    {%- if not found -%}
        {{ exceptions.raise_compiler_error(model['name'] ~ ' uses merge_range without features_range()') }}
    {%- endif -%}
    {%- set range = found.group(1) -%}
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
        from {{ arg_dict['temp_relation'] }} as computed
        full outer join (
            select {{ keys | join(', ') }}
            from {{ arg_dict['target_relation'] }}
            where {{ range }}
        ) as present
            on {% for key in keys %}computed.{{ key }} = present.{{ key }}{{ ' and ' if not loop.last }}{% endfor %}
    ) as fresh
        on
            kept.{{ range }}
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
