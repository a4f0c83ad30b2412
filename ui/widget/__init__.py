"""The widget: one script for any page of an intranet."""
