"""Document formats: files and folders become documents, with one module for each format."""
