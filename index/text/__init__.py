"""Text processing: sentence splitting, chunking, token counting, stemmed words."""
