-- Which code made this column?
-- $asset (text): the asset
-- $column (text): one of its columns
-- The column and everything it was made from, with the code components of each asset's current version. A `*` is any
-- column: which one cannot be seen. No rows where the published table has no such column.
with recursive tables as (
    select p.asset, cast(m.schema as varchar[][]) as columns
    from asset_partitions p join materializations m on m.id = p.materialization
    where p.asset = $asset and m.schema is not null),
made_from(asset, column_name) as (
    select $asset, $column
    where not exists (from tables t where t.asset = $asset) or exists (
        from tables t, unnest(t.columns) c(pair) where t.asset = $asset and c.pair[1] = $column)
    union
    select c.input_asset, c.input_column
    from made_from m
    join column_lineage c on c.asset = m.asset and (m.column_name = '*' or c."column" in (m.column_name, '*'))
)
select m.asset, m.column_name, a.code_version, k.component, k.hash
from made_from m
left join assets a on a.asset = m.asset
left join code k on k.asset = m.asset and k.code_version = a.code_version
order by all
