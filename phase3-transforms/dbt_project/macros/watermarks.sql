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
