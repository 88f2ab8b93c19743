{% test is_key(model, columns) %}
-- Rows whose key is there twice, or is not whole: one query instead of one per column and rule.
select
    {{ columns | join(', ') }},
    count(*) as rows_count
from {{ model }}
group by {{ columns | join(', ') }}
having
    count(*) > 1
    {%- for column in columns %}
    or {{ column }} is null
    {%- endfor %}
{% endtest %}
