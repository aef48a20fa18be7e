"""Reviewing identities: corrections, questions worth asking, and what another threshold would change."""
