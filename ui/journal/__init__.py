"""The journal: questions asked, feedback, and the unanswered ones grouped."""
