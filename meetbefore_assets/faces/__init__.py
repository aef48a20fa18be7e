"""Second stage, faces: frames are sampled, faces detected, embedded, and linked to tracks."""
