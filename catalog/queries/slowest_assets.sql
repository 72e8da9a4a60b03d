-- Which assets take the most time?
-- $since (timestamp, null): only steps that started then or later, in UTC; all when left out
select asset, count(*) as steps, round(sum(seconds), 3) as seconds, round(avg(seconds), 3) as mean,
    round(max(seconds), 3) as longest, max(started_at) as last_started
from steps
where seconds is not null and status in ('materialized', 'failed') and ($since is null or started_at >= $since)
group by asset
order by seconds desc, asset
