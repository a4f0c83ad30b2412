"""Text to vectors: the encoder interface, the packaged all-MiniLM-L6-v2, and any other sentence-transformers model."""
