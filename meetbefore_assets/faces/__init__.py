"""Faces: samples frames, detects and embeds faces, and links them to tracks."""
