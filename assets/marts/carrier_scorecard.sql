-- @asset
-- tags = {layer = "mart"}
-- config = {least_flights = 1000}

-- How each airline did, for those with enough flights: cancellations, mean delay, the share that arrived late.
select
    a.name,
    count(*) as flights,
    rounded(avg(f.canceled::int)) as canceled_share,
    rounded(avg(f.arr_delay)) as mean_arr_delay,
    rounded(late_share(f.arr_delay)) as late_share,
    rank() over (order by late_share(f.arr_delay)) as place
from flights as f
join airlines as a using (carrier)
group by a.name
having count(*) >= $least_flights
order by place, a.name
