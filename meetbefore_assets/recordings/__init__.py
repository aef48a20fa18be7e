"""Recordings: finds files, registers them by content, tells when and where they were recorded, and which tables are out of date."""
