"""A home: its folder, settings and record, with the adapters to the outside world."""
