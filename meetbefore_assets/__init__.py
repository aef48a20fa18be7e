"""Whom do I keep meeting? A Dagster project that finds the people who cross your path again and again."""
