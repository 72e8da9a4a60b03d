-- Where did the time go? The twenty slowest steps of all runs.
select run_id, asset, "partition", round(seconds, 3) as seconds, status, started_at
from steps
where seconds is not null
order by seconds desc
limit 20
