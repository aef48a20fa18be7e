"""The settings of a home: their keys and meanings, and the files they are read from and written to."""
