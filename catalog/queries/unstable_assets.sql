-- Which assets were made again from equal inputs by equal code, and came out different?
select asset, "partition", count(*) as materializations, count(distinct data_version) as versions
from materializations
group by asset, "partition", code_version, config_version, input_fingerprint
having count(distinct data_version) > 1
order by versions desc, asset, "partition"
