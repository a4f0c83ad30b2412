"""The command line: parser, subcommands, terminal output, doctor, bundle."""
