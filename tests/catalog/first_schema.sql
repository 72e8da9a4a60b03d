create schema inside;
create table inside.meta(version integer, written_by varchar);
create table inside.settings(name varchar, value varchar);
create table inside.logs(log integer, name varchar, size bigint);
create table inside.segments(name varchar);

create table inside.assets(asset integer, key varchar);
create table inside.partitions(partition integer, key varchar);
create table inside.environments(environment integer, name varchar);
create table inside.prefixes(prefix integer, text varchar);

create table inside.runs(
    run integer, log integer, environment integer, selection json, options json, host varchar, pid bigint,
    process_started varchar, version varchar, steps integer, parent_run varchar, started_at timestamp);
create table inside.run_ends(run integer, status varchar, finished_at timestamp, counts json, error varchar);
create table inside.step_starts(
    run integer, step integer, asset integer, partition integer, attempt integer, started_at timestamp);
create table inside.steps(
    run integer, step integer, asset integer, partition integer, status varchar, attempts integer, seconds double,
    started_at timestamp, finished_at timestamp, causes json, error json, caused_by varchar, m bigint);
create table inside.attempts(
    run integer, step integer, asset integer, partition integer, attempt integer, status varchar,
    started_at timestamp, seconds double, error json);

create table inside.materializations(
    m bigint, asset integer, partition integer, environment integer, data_version varchar, code_version varchar,
    config json, config_version varchar, input_fingerprint varchar, dependencies varchar, uri varchar,
    format varchar, "rows" bigint, bytes bigint, "schema" json, column_versions json, payload json, metadata json,
    packages json, seconds double, started_at timestamp, finished_at timestamp, "order" bigint);
create table inside.edges(
    m bigint, input_asset integer, input_partition integer, input_m bigint, input_data_version varchar);
create table inside.publications(
    environment integer, asset integer, partition integer, m bigint, "order" bigint, moved_at timestamp,
    reason varchar);
create table inside.pointers(
    environment integer, asset integer, partition integer, m bigint, "order" bigint, moved_at timestamp);

create table inside.observations(
    id varchar, run integer, asset integer, partition integer, data_version varchar, detail json, "order" bigint,
    observed_at timestamp);
create table inside.events(
    id varchar, run integer, step integer, asset integer, partition integer, event_type varchar, key varchar,
    payload json, emitted_at timestamp);
create table inside.checks(
    id varchar, run integer, asset integer, partition integer, m bigint, name varchar, passed boolean,
    severity varchar, message varchar, metadata json, checked_at timestamp);
create table inside.dynamic(
    definition varchar, log integer, position bigint, added varchar[], removed varchar[], changed_at timestamp);

create table inside.code(asset integer, code_version varchar, packages json, recorded_at timestamp);
create table inside.code_components(asset integer, code_version varchar, component varchar, hash varchar);
create table inside.code_texts(hash varchar, text varchar);

create table inside.definitions(
    asset varchar, "group" varchar, kind varchar, code_version varchar, config_version varchar, partitions varchar,
    policies json, upstreams varchar[], tags json, owners varchar[], description varchar, location varchar);
create table inside.column_edges(
    asset varchar, "column" varchar, input_asset varchar, input_column varchar, kind varchar);
