"""Floor 3: the ways in: command line and web page."""
