-- What did this report read, exactly, at that moment?
-- asset: the report; partition: one of its partitions, or null; moment: a timestamp in UTC
-- One row per version that went into it, directly or through others, nearest first.
with recursive published as (
    select materialization from as_of($moment)
    where environment = 'prod' and asset = $asset and ($partition is null or "partition" = $partition)
),
reads(materialization, depth) using key (materialization) as (
    select materialization, 0 from published
    union
    select distinct l.input_materialization, r.depth + 1
    from reads r join lineage l using (materialization)
    where l.input_materialization is not null
      and not exists (select 1 from recurring.reads seen where seen.materialization = l.input_materialization)
)
select min(r.depth) + 1 as depth, l.input_asset, l.input_partition, l.input_materialization, l.input_data_version
from reads r join lineage l using (materialization)
group by all
order by all
