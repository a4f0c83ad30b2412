"""The command line: `quoth COMMAND` is the module of that name here; cli.py parses its arguments."""
