-- Which assets fail, how often, and with what?
-- $since (timestamp, null): only tries that started then or later, in UTC; all when left out
select asset, count(*) filter (status = 'failed') as failed, count(*) as tries,
    round(count(*) filter (status = 'failed') / count(*), 3) as share,
    arg_max(error_message, started_at) filter (status = 'failed') as last_error,
    max(started_at) filter (status = 'failed') as last_failed
from attempts
where $since is null or started_at >= $since
group by asset
having failed > 0
order by failed desc, asset
