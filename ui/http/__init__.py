"""HTTP middleware: trusted hosts, body limits, rate limits, timeouts, request log, metrics, problem details."""
