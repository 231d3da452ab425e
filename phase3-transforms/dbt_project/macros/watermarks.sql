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
    {%- set query -%}
        select
            landed._partition,
            {{ 'coalesce(reached._offset, landed.oldest - 1)' if is_incremental() else 'landed.oldest - 1' }},
            landed.newest
        from (
            select
                _partition,
                min(_offset) as oldest,
                max(_offset) as newest
            from {{ source }}
            group by _partition
        ) as landed
        {% if is_incremental() -%}
        left join (
            select
                _partition,
                max(_offset) as _offset
            from {{ model }}
            group by _partition
        ) as reached
            on landed._partition = reached._partition
        where landed.newest > coalesce(reached._offset, -1)
        {%- endif %}
        order by 1
    {%- endset -%}
    {%- set news = [] -%}
    {%- set state = namespace(messages=0) -%}
    {%- for partition, reached, newest in run_query(query).rows -%}
        {%- do news.append((partition | int, reached | int, newest | int)) -%}
        {%- set state.messages = state.messages + (newest | int) - (reached | int) -%}
    {%- endfor -%}
    {%- set count = (state.messages + 3 * var('piece_rows') - 1) // (3 * var('piece_rows')) -%}
    {%- set found = [] -%}
    {%- for number in range(count) -%}
        {%- set spans = [] -%}
        {%- for partition, reached, newest in news -%}
            {%- set begin = reached + (newest - reached) * number // count -%}
            {%- set end = reached + (newest - reached) * (number + 1) // count -%}
            {%- do spans.append('_partition = ' ~ partition ~ ' and _offset > ' ~ begin ~ ' and _offset <= ' ~ end) -%}
        {%- endfor -%}
        {%- do found.append({'offsets': '((' ~ spans | join(') or (') ~ '))'}) -%}
    {%- endfor -%}
    {{ return(found or nothing) }}
{%- endmacro %}
