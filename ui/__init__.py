"""User interfaces, floor 3 of 3: command line, web page, JSON API and MCP tools."""
