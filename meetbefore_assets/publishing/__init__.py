"""Fifth stage, publishing: the DuckDB database, the page, and exports."""
