{#-
    One row per Kafka partition of `source`: the highest offset that `model` has of it, -1 where it has none.
    What is new is told by offsets alone, never by an event time or a clock, so late rows count and a rebuild
    sees the same rows. A watermark that is too low costs work but changes nothing: every model merges by key.

    Arguments: a relation or CTE with _partition; the model's relation; the map column that holds its offsets
    (aggregates), or none where the model has _partition and _offset columns.
-#}
{% macro watermarks(source, model, offsets=none) -%}
    select
        partitions._partition,
        coalesce(max(reached._offset), -1) as _offset
    from (select distinct _partition from {{ source }}) as partitions
    left join (
        {%- if offsets is none %}
        select
            _partition,
            _offset
        from {{ model }}
        {%- else %}
        select
            entries._partition,
            entries._offset
        from {{ model }}
        cross join unnest({{ offsets }}) as entries (_partition, _offset)
        {%- endif %}
    ) as reached
        on partitions._partition = reached._partition
    group by partitions._partition
{%- endmacro %}


{#- The highest offset per partition among the grouped rows, as map(integer, bigint). -#}
{% macro offsets_of(partition, offset) -%}
    transform_values(multimap_agg({{ partition }}, {{ offset }}), (k, v) -> array_max(v))
{%- endmacro %}
