"""Identities: groups the tracks of all videos to people, with the corrections of the user."""
