-- @asset
-- tags = {layer = "mart"}

-- Flights of each airline by quarter, as columns.
from (pivot (
    select name, 'q' || quarter(month::date) as quarter, flights
    from (select name, flights, month from monthly_carriers)
) on quarter in ('q1', 'q2', 'q3', 'q4') using sum(flights)::bigint group by name)
select name, q1, q2, q3, q4, coalesce(q4, 0) - coalesce(q1, 0) as growth
order by growth desc, name
