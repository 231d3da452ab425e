{#-
    A number that stands for a row of a few whole numbers, none of them null, made to be summed: two sums are equal when
    they are over the same rows, in whatever order, and sums of groups add up to the sum of all.
-#}
{% macro fingerprint(numbers) -%}
    cast(from_big_endian_64(xxhash64(
        {%- if numbers | length == 1 -%}
        to_big_endian_64({{ numbers[0] }})
        {%- else -%}
        concat({% for number in numbers %}to_big_endian_64({{ number }}){{ ', ' if not loop.last }}{% endfor %})
        {%- endif -%}
    )) as decimal(38, 0))
{%- endmacro %}


{#- The Kafka coordinates of a message as one number. -#}
{% macro coordinates(partition='_partition', offset='_offset') -%}
    {{ offset }} * 1024 + {{ partition }}
{%- endmacro %}
