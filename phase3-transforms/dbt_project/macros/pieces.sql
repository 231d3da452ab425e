{#-
    Incremental models whose statements stay small, however long the history is. A model names its pieces with
    pieces(); where its SQL says piece('…') stands, in each statement, that piece's value. Pieces are computed and taken
    over one after the other, in their order. A full refresh begins with an empty table, so one that was killed leaves
    what a shorter run would have made, and the next run goes on from there. A model that names none is one piece.

    Settings beside the adapter's incremental_strategy, unique_key and on_schema_change:
    `rebuilt_with_columns`: a table with other columns than its model is built from nothing (other_columns.sql);
    `overlapping`: a piece may hold keys of another, so each is merged, in a full refresh too;
    `gathered`: all pieces are computed before the table changes, and then taken over in spans of `range_column`, a date,
    from the oldest to the newest: for pieces that are no periods of time, of which a table would not show what it lacks.
-#}
{% materialization incremental, adapter='trino', supported_languages=['sql'] -%}
    {%- set strategy = config.require('incremental_strategy') -%}
    {%- set gathered = config.get('gathered', false) -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target = this.incorporate(type='table') -%}
    {%- set outgrown = existing is not none and not existing.is_view and has_other_columns(existing) -%}
    {%- set begins = existing is none or existing.is_view or should_full_refresh() or outgrown -%}
    {%- set overlapping = config.get('overlapping', false) -%}
    {%- set pieces = pieces_of(compiled_code) -%}
    {%- set kind = get_incremental_tmp_relation_type(strategy, config.get('unique_key'), 'sql') -%}
    {%- set computed = make_temp_relation(this).incorporate(type=kind) -%}
    {#- what a run that was killed left -#}
    {%- set left = load_cached_relation(computed) -%}
    {%- do drop_relation_if_exists(left) -%}

    {{ run_hooks(pre_hooks) }}

    {%- if outgrown -%}
        {%- do log(this.name ~ ': its columns are no longer the model\'s, so it is built from nothing', info=true) -%}
    {%- endif -%}
    {%- if begins -%}
        {%- do adapter.drop_relation(existing) if existing is not none and existing.is_view -%}
        {%- call statement('main') -%}
            create or replace table {{ target }}
            {{ get_table_columns_and_constraints() }}
            {{ comment(model.get('description')) }}
            {{ properties() }}
        {%- endcall -%}
        {#- the SQL may ask the table itself, so it can be held against the contract only now -#}
        {%- do get_assert_columns_equivalent(with_piece(compiled_code, pieces[0])) -%}
    {%- elif not pieces -%}
        {%- call noop_statement('main', 'NOTHING NEW', 'MERGE', 0) -%}{%- endcall -%}
    {%- endif -%}
    {%- set columns = adapter.get_columns_in_relation(target) if pieces else [] -%}

    {%- for piece in pieces -%}
        {%- set sql = with_piece(compiled_code, piece) -%}
        {%- if pieces | length > 1 -%}
            {%- do log(this.name ~ ': piece ' ~ loop.index ~ ' of ' ~ pieces | length, info=true) -%}
        {%- endif -%}
        {%- if gathered -%}
            {#- without the partitions of the table: a bucket has rows of every day -#}
            {%- call statement('compute') -%}
                {{ insert_rows(computed, columns, sql) if not loop.first else 'create table ' ~ computed ~ ' as ' ~ sql }}
            {%- endcall -%}
        {%- elif begins and (loop.first or not overlapping) -%}
            {%- call statement('main') -%}
                {{ insert_rows(target, columns, sql) }}
            {%- endcall -%}
        {%- else -%}
            {%- call statement('compute') -%}
                {{ create_view_as(computed, sql) if kind == 'view' else create_table_as(True, computed, sql, 'replace') }}
            {%- endcall -%}
            {%- do hold_columns(computed, target) if loop.first -%}
            {%- do take_over(strategy, target, columns, computed, piece) -%}
        {%- endif -%}
    {%- endfor -%}

    {%- if gathered and pieces -%}
        {%- set column = config.require('range_column') -%}
        {%- do hold_columns(computed, target) if not begins -%}
        {%- for span in spans_of(computed, column, pieces[0]['from']) -%}
            {%- if begins -%}
                {%- call statement('main') -%}
                    {{ insert_rows(target, columns, 'select * from ' ~ computed ~ ' where ' ~ in_span(column, span)) }}
                {%- endcall -%}
            {%- else -%}
                {%- do take_over(strategy, target, columns, computed, span) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {%- do drop_relation_if_exists(computed) if pieces -%}

    {{ run_hooks(post_hooks) }}

    {%- do persist_docs(target, model) -%}
    {{ return({'relations': [target]}) }}
{%- endmaterialization %}


{#- What was computed must have the columns of the table; all pieces are of one SQL, so the first speaks for all. -#}
{% macro hold_columns(computed, target) -%}
    {%- do process_schema_changes(config.get('on_schema_change', 'fail'), computed, target) -%}
{%- endmacro %}


{#- Merges what was computed of a piece. -#}
{% macro take_over(strategy, target, columns, computed, piece) -%}
    {%- set merge = adapter.get_incremental_strategy_macro(context, strategy) -%}
    {%- call statement('main') -%}
        {{ merge({
            'target_relation': target,
            'temp_relation': computed,
            'unique_key': config.get('unique_key'),
            'dest_columns': columns,
            'incremental_predicates': none,
            'piece': piece,
        }) }}
    {%- endcall -%}
{%- endmacro %}


{#- Names a model's pieces, a list of dicts of texts, in a comment that the materialization reads. -#}
{% macro pieces(found) -%}
    /* pieces: {{ tojson(found) }} */
{%- endmacro %}


{#- Where a value of the piece at hand goes: the value itself where there is but one piece. -#}
{% macro piece(found, name) -%}
    {{ found[0][name] if found | length == 1 else '__' ~ name ~ '__' }}
{%- endmacro %}


{% macro pieces_of(sql) -%}
    {%- set found = modules.re.search('/[*] pieces: (.*) [*]/', sql) -%}
    {{ return(fromjson(found.group(1)) if found else [{}]) }}
{%- endmacro %}


{% macro with_piece(sql, values) -%}
    {%- set filled = namespace(sql=modules.re.sub('/[*] pieces: .* [*]/', '', sql)) -%}
    {%- for name, value in values.items() -%}
        {%- set filled.sql = filled.sql | replace('__' ~ name ~ '__', value) -%}
    {%- endfor -%}
    {{ return(filled.sql) }}
{%- endmacro %}


{% macro insert_rows(target, columns, sql) -%}
    {%- set names = columns | map(attribute='quoted') | join(', ') -%}
    insert into {{ target }} ({{ names }})
    select {{ names }} from (
        {{ sql }}
    )
{%- endmacro %}


{#-
    Days put together until they have so many rows or are a hundred, since a statement keeps a file open for each; a day
    with more rows stands alone.

    `counts` holds rows of a day, as text, and how many rows it has. Gives lists of days.
-#}
{% macro grouped_days(counts, most) -%}
    {%- set state = namespace(rows=0) -%}
    {%- set groups = [] -%}
    {%- for day, rows in counts -%}
        {%- if not groups or state.rows + rows > most or groups[-1] | length == 100 -%}
            {%- do groups.append([]) -%}
            {%- set state.rows = 0 -%}
        {%- endif -%}
        {%- do groups[-1].append(day) -%}
        {%- set state.rows = state.rows + rows -%}
    {%- endfor -%}
    {{ return(groups) }}
{%- endmacro %}


{#-
    The dates of `relation` from `from_date` on as spans, each from its `from` to before its `until`. Between them they
    leave no gap, and nothing comes after the last.
-#}
{% macro spans_of(relation, column, from_date) -%}
    {%- set query -%}
        select
            cast({{ column }} as varchar),
            count(*)
        from {{ relation }}
        where {{ column }} >= date '{{ from_date }}'
        group by {{ column }}
        order by 1
    {%- endset -%}
    {%- set begins = [from_date] -%}
    {%- for days in grouped_days(run_query(query).rows, var('piece_rows')) -%}
        {%- do begins.append(days[0]) if not loop.first -%}
    {%- endfor -%}
    {%- set found = [] -%}
    {%- for begin in begins -%}
        {%- do found.append({'from': begin, 'until': '9999-12-31' if loop.last else loop.nextitem}) -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}


{#- Whether a date lies in a span; the literals let Trino skip every other partition. -#}
{% macro in_span(column, span) -%}
    ({{ column }} >= date '{{ span['from'] }}' and {{ column }} < date '{{ span['until'] }}')
{%- endmacro %}
