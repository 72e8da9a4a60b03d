-- What must be made again if this source was wrong between two moments?
-- $source (text): the source, or any other asset
-- $first (timestamp): since when it was wrong, in UTC
-- $last (timestamp): until when
-- $partition (text, null): one of its partitions, all when left out
-- $environment (text, prod): whose published values are looked through
-- One row per asset partition whose published value goes back to a version that was there in that time.
select asset, "partition", materialization, materialized_at, min(depth) as depth
from affected_by($source, $first, $last, $partition, environment := $environment)
group by all
order by depth, asset, "partition"
