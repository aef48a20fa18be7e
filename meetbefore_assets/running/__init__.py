"""Running the pipeline through Dagster: the instance of a home, worker processes, executors of clusters."""
