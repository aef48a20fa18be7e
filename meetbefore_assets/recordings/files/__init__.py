"""Finds recordings in folders and buckets, hashes them, and reads the files beside them."""
