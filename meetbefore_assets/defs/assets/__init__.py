"""The assets, one file each, named after their table."""
