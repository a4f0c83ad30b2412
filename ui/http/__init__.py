"""HTTP middleware: trusted hosts, body limits, rate limits, request log, metrics, problem details."""
