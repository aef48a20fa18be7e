"""Storage: tables as Parquet in folders or object stores, the DuckDB database, atomic files, and locks."""
