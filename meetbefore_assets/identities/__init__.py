"""Third stage, identities: tracks of all videos are grouped to people, with the corrections of the user."""
