{% test holds(model, condition) %}
-- Rows for which the condition is false. Where a null leaves it open, it holds.
select *
from {{ model }}
where not ({{ condition }})
{% endtest %}
