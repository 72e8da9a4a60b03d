/* @asset
tags = {layer = "mart"}
*/
-- The ten routes with the longest mean delay at arrival, with the names of both airports.
with routes as (
    select origin, dest, count(*) as flights, avg(arr_delay) as mean_arr_delay
    from flights
    group by all
    having count(arr_delay) >= 100
)
select o.name as "from", d.name as "to", r.flights, rounded(r.mean_arr_delay) as mean_arr_delay
from routes as r
join airports as o on o.faa = r.origin
left join airports as d on d.faa = r.dest
order by r.mean_arr_delay desc, 1, 2
limit 10
