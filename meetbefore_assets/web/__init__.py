"""What a browser on this machine is served, and the guard before it."""
