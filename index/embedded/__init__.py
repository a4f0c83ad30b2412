"""The search engine of one machine: editions on disk, SQLite, FAISS and BM25."""
