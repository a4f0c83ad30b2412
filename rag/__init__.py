"""Question answering, floor 2 of 3: rewrites the question, searches, reads, judges and cites."""
