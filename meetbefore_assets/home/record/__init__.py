"""Writing the record: versions, table writers, suppressions of forgotten faces, the log."""
