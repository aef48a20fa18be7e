"""Files: finds recordings in folders and buckets, hashes them, and reads the sidecar and GPS files beside them."""
