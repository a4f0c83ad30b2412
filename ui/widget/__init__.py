"""The widget: one script for any page, and a sample of pages that carry it."""
