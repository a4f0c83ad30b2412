"""Floor 3: measures what floor 2 answers."""
