"""The local web app, and the guard and login in front of it."""
