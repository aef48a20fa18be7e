"""Encounters: when people were met, how remarkable that is, and whether chance explains it."""
