-- What must be made again if this source was wrong between two moments?
-- source: the asset; first, last: timestamps in UTC, both included
-- One row per asset partition whose current value goes back to a wrong version.
with recursive wrong as (
    select id as version from observations where asset = $source and observed_at between $first and $last
    union
    select id from materializations where asset = $source and finished_at between $first and $last
),
wrong_content as (
    select data_version from observations where asset = $source and observed_at between $first and $last
),
touched(materialization) as (
    select l.materialization from lineage l
    where l.input_materialization in (from wrong)
       or (l.input_asset = $source and l.input_data_version in (from wrong_content))
    union
    select l.materialization from touched t join lineage l on l.input_materialization = t.materialization
)
select c.environment, c.asset, c."partition", c.materialization, c.materialized_at
from asset_partitions c join touched using (materialization)
order by all
