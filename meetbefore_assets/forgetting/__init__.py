"""Erasing people and videos everywhere."""
