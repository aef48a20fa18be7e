"""Shared by all stages: errors, the declarations of all tables, ports, model packs. Imports nothing else of the package."""
