"""Access control: who is asking, API keys, embed tokens, sign-in."""
