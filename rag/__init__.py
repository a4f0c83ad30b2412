"""Floor 2: a question becomes an answer."""
