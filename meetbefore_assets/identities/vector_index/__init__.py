"""Nearest-neighbour search: Faiss in memory, Faiss on disk, pgvector."""
