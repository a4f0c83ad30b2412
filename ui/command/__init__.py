"""The command line: each `quoth COMMAND` is the module with that name; cli.py parses the arguments."""
