"""Every table and column, once: type, unit, meaning, key. DDL, dtypes, checks and lists of tables are derived from here."""
