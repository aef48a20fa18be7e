"""Where tables, files and locks are kept: Parquet in folders or in an object store, DuckDB, file locks and Postgres locks."""
