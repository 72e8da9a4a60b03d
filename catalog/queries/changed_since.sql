-- Whose published value is another than it was at that moment?
-- $moment (timestamp): in UTC
-- $environment (text, prod): where it is published
-- A partition that was made first since then has no version before; one that was hidden since then has none now.
select coalesce(n.asset, b.asset) as asset, coalesce(n."partition", b."partition") as "partition",
    b.data_version as version_then, n.data_version as version_now, n.rows - b.rows as more_rows, n.published_at
from (from asset_partitions where environment = $environment) n
full join (from as_of($moment) where environment = $environment) b
    on b.asset = n.asset and b."partition" is not distinct from n."partition"
where b.data_version is distinct from n.data_version
order by asset, "partition"
