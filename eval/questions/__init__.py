"""Question sets: reading questions.jsonl, their documents and histories."""
