"""Forgetting: erases people and videos from every file of a home."""
