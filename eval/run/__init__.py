"""`quoth eval`: asks a question set, reports rows, tables, an HTML report."""
