"""Indexing and search, floor 1 of 3: turns documents into a searchable corpus."""
