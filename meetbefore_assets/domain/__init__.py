"""Pure arithmetic: numpy, scipy, polars, settings, schema and errors; nothing else."""
