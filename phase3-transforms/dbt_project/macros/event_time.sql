{#- A timestamp, with or without time zone, as UTC wall time in microseconds (the session's zone is UTC). -#}
{% macro utc_timestamp(column) -%}
    cast({{ column }} as timestamp(6))
{%- endmacro %}


{#-
    Microseconds since 1970-01-01 UTC as bigint. Trino counts differences in milliseconds at best; a double of
    seconds keeps whole microseconds exact after rounding until the year 2106.
-#}
{% macro epoch_us(column) -%}
    cast(round(to_unixtime(cast({{ column }} as timestamp(6))) * 1000000) as bigint)
{%- endmacro %}


{#- The inverse of epoch_us. -#}
{% macro timestamp_from_us(column) -%}
    cast(from_unixtime_nanos({{ column }} * 1000) at time zone 'UTC' as timestamp(6))
{%- endmacro %}
