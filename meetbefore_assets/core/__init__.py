"""What every stage shares: errors, the declaration of all tables, ports, model packs; imports nothing else of the package."""
