-- How have rows and bytes of an asset grown?
-- $asset (text): the asset
-- $partition (text, null): one of its partitions; when left out, each counts for itself
select finished_at as materialized_at, "partition", rows,
    rows - lag(rows) over made as more_rows, bytes, bytes - lag(bytes) over made as more_bytes, id as materialization
from materializations
where asset = $asset and ($partition is null or "partition" = $partition)
window made as (partition by "partition" order by "order", finished_at)
order by materialized_at, "partition"
