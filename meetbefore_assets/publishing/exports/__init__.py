"""Exports: tables, calendars, clips and archives for other programs."""
