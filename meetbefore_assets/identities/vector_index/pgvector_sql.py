"""SQL statements for pgvector. {vectors} and {queries} are tables of one transaction."""

FIND_EXTENSION = "select installed_version from pg_available_extensions where name = 'vector'"
# Two processes that start at the same time would both create it, and one of them would fail.
WAIT_FOR_OTHERS = "select pg_advisory_xact_lock(hashtext('meetbefore create extension'))"
CREATE_EXTENSION = "create extension if not exists vector"

# The transaction is long, so timeouts of the server are switched off; so is JIT, because plans take longer to compile than to run.
SET_UP = """
set local statement_timeout = 0;
set local idle_in_transaction_session_timeout = 0;
set local jit = off;
set local client_min_messages = warning
"""
# Without plain storage, a row of 512 components would be stored out of line, and fetched for each comparison.
CREATE_TABLE = """
create unlogged table {table} (row integer not null, vector vector({size}) not null);
alter table {table} alter column vector set storage plain
"""
COPY_IN = "copy {table} (row, vector) from stdin (format binary)"
CLEAR_TABLE = "truncate {table}"
SET_BUILD_MEMORY = """
select set_config('maintenance_work_mem', greatest(%s, pg_size_bytes(current_setting('maintenance_work_mem')) / 1024) || 'kB', true)
"""
CREATE_HNSW = "create index on {vectors} using hnsw (vector vector_ip_ops)"
CREATE_IVFFLAT = "create index on {vectors} using ivfflat (vector vector_ip_ops) with (lists = {lists})"
ANALYZE_TABLE = "analyze {table}"
SET_HNSW_SEARCHED = "set local hnsw.ef_search = {searched}"
SET_IVFFLAT_PROBES = "set local ivfflat.probes = {probes}"
SET_INDEX_USED = "set local enable_indexscan = {on_or_off}"
FIND_NEAREST = """
copy (
    select q.row, n.row, n.cosine
    from {queries} q
    cross join lateral (
        select v.row, -(v.vector <#> q.vector) as cosine from {vectors} v order by v.vector <#> q.vector limit {k}
    ) n
) to stdout (format binary)
"""
SIZE_ON_DISK = "select pg_total_relation_size('{vectors}')"
