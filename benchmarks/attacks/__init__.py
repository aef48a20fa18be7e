"""Attacks on a home and its servers, a file a subject: each tries one thing against real processes and says what came of it."""
