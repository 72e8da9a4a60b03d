-- Which assets has nothing ever read?
-- With what their published values weigh. What people read outside of the project is not recorded here.
select asset, count(*) as partitions, sum(rows) as rows, sum(bytes) as bytes, max(materialized_at) as materialized_at
from asset_partitions
where environment = 'prod' and asset not in (select input_asset from lineage)
group by asset
order by bytes desc, asset
