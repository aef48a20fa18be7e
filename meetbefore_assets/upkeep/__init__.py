"""Checks and repairs of what is on record."""
