"""The settings of a home: what each key means, and the files they are read from and written to."""
