"""Writing the record: data versions, table writers, suppressions of forgotten faces, the event log."""
