/* @asset
tags = {layer = "mart"}
partitions = {monthly = "2013-01-01", end = "2014-01-01", tz = "America/New_York"}
*/
-- The airlines of a month, by flights: each partition reads its own window.
select $partition as month, a.name, count(*) as flights, rounded(late_share(f.arr_delay)) as late_share
from flights as f
join airlines as a using (carrier)
where f.scheduled_at >= $window_start and f.scheduled_at < $window_end
group by a.name
order by flights desc, a.name
