"""The JSON API and the MCP tools: routes, schema, reference page."""
