"""The assets, a file each, named after the table they make."""
