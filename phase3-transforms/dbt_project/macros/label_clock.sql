{#-
    The moment that labels have reached, in microseconds: the earlier one of the newest label and the newest payment, so
    that neither a stray date nor a feed of labels that stands still makes a day look older than it is. No clock is asked.
-#}
{% macro label_clock(labels, transactions) -%}
    select least(
        (select max(known_us) from {{ labels }}),
        (select max(event_us) from {{ transactions }})
    ) as reached_us
{%- endmacro %}
