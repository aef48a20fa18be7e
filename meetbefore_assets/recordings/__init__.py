"""First stage, recordings: which files there are, when and where they were recorded, and which of them are out of date."""
