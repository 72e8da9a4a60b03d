-- What did this report read, exactly, at that moment?
-- $asset (text): the report
-- $partition (text, null): one of its partitions, all when left out
-- $moment (timestamp, null): in UTC; now when left out
-- $environment (text, prod): where it was published
-- One row per version that went into what was published then, directly or through others, nearest first.
select min(depth) as depth, input_asset, input_partition, input_materialization, input_data_version
from upstream_of($asset, $partition, environment := $environment, moment := $moment)
group by all
order by all
