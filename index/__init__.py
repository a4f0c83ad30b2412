"""Floor 1: documents become a searchable corpus."""
