"""Tables, calendars, clips and archives for other programs."""
