"""Upkeep: checks and repairs of the record."""
