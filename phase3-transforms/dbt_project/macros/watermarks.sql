{#-
    One row per Kafka partition of `source`: the highest offset that `model` has of it, -1 where it has none.
    What is new is told by offsets alone, never by an event time or a clock, so late rows count and a rebuild
    sees the same rows. A watermark that is too low costs work but changes nothing: every model merges by key.
-#}
{% macro watermarks(source, model) -%}
    select
        partitions._partition,
        coalesce(max(reached._offset), -1) as _offset
    from (select distinct _partition from {{ source }}) as partitions
    left join {{ model }} as reached
        on partitions._partition = reached._partition
    group by partitions._partition
{%- endmacro %}


{#-
    What is new in `source` as pieces of some 600,000 messages (three times var `piece_rows`): conditions over `_partition`
    and `_offset`, in literals, so that files without new messages are not read.

    Like watermarks(), by offsets alone. Pieces go on from the oldest offsets to the newest, so a run that was killed
    between two of them leaves watermarks that are true.
-#}
{% macro offset_pieces(source, model) -%}
    {%- set nothing = [] if is_incremental() else [{'offsets': 'false'}] -%}
    {%- if not execute -%}
        {{ return(nothing) }}
    {%- endif -%}
    {%- set reached = 'select _partition, max(_offset) as _offset from ' ~ model ~ ' group by _partition' -%}
    {%- set news -%}
        select source.*
        from {{ source }} as source
        {% if is_incremental() -%}
        left join ({{ reached }}) as reached
            on source._partition = reached._partition
        where source._offset > coalesce(reached._offset, -1)
        {%- endif %}
    {%- endset -%}
    {%- set messages = run_query('select count(*) from (' ~ news ~ ')').columns[0].values()[0] | int -%}
    {%- set count = (messages + 3 * var('piece_rows') - 1) // (3 * var('piece_rows')) -%}
    {%- if not count -%}
        {{ return(nothing) }}
    {%- endif -%}
    {#- offsets have gaps, so how many there are says nothing: the bounds between pieces are quantiles -#}
    {%- set shares = [] -%}
    {%- for number in range(1, count) -%}
        {%- do shares.append('approx_percentile(_offset, ' ~ number ~ 'e0 / ' ~ count ~ 'e0)') -%}
    {%- endfor -%}
    {%- set bounds -%}
        select
            _partition,
            min(_offset) - 1,
            {{ shares | join(', ') ~ ',' if shares }}
            max(_offset)
        from ({{ news }})
        group by _partition
        order by 1
    {%- endset -%}
    {%- set partitions = run_query(bounds).rows -%}
    {%- set found = [] -%}
    {%- for number in range(count) -%}
        {%- set spans = [] -%}
        {%- for row in partitions -%}
            {%- do spans.append(
                '_partition = ' ~ (row[0] | int)
                ~ ' and _offset > ' ~ (row[number + 1] | int)
                ~ ' and _offset <= ' ~ (row[number + 2] | int)
            ) -%}
        {%- endfor -%}
        {%- do found.append({'offsets': '((' ~ spans | join(') or (') ~ '))'}) -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}
