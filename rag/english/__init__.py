"""English grammar in regular expressions: names, numbers, dates, pronouns, function words."""
