"""Running the pipeline with Dagster: the instance of a home, worker processes, executors for clusters."""
