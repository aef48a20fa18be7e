"""Questions with photographs from elsewhere: who is this, and what is this person called."""
