-- Which code made this column?
-- $asset (text): the asset
-- $column (text): one of its columns
-- The column and everything it was made from, with the code components of each asset's current version.
with recursive made_from(asset, column_name) as (
    select $asset, $column
    union
    select c.input_asset, c.input_column
    from made_from m join column_lineage c on c.asset = m.asset and c."column" = m.column_name
)
select m.asset, m.column_name, a.code_version, k.component, k.hash
from made_from m
left join assets a on a.asset = m.asset
left join code k on k.asset = m.asset and k.code_version = a.code_version
order by all
