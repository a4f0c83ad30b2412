"""English function words: pronouns, prepositions, conjunctions, connectives, adverbs, auxiliaries, stop words.

The lists are alternatives of a regular expression, in small letters.
"""

# pronouns of the third person
SUBJECTS = "he|she|it|they"
POSSESSIVES = "his|her|its|their"
PERSONAL = f"{SUBJECTS}|{POSSESSIVES}|him|hers|them|theirs|himself|herself|itself|themselves"
# `that` and `those` are mostly relative pronouns and conjunctions
DEMONSTRATIVES = "this|these|such"
OF_PLACE = "at|by|during|from|in|on|over|through|throughout|under|within"
OF_TIME = "after|as|before|since|until"
PREPOSITIONS = (
    f"{OF_PLACE}|{OF_TIME}|about|above|against|along|among|around|behind|below|beneath|beside|besides|between|beyond|of|"
    "to|towards|unlike|upon|with|without"
)
# these are also parts of names, or end a clause: the Near East, carried out
OTHER_PREPOSITIONS = "according|despite|due|following|for|like|near|out|owing|spite|thanks"
CONJUNCTIONS = "although|because|if|though|unless|when|whenever|where|whereas|while"
CONNECTIVES = (
    "also|and|but|or|nor|so|yet|however|therefore|thus|hence|consequently|accordingly|moreover|furthermore|likewise|"
    "similarly|meanwhile|nevertheless|nonetheless|instead|otherwise|conversely|then|afterwards|"
    "in addition|in contrast|by contrast|in turn|as a result|for example|for instance|on the other hand|of course"
)
ADVERBS = (
    "again|earlier|even|formerly|here|indeed|later|maybe|now|nowadays|often|once|only|perhaps|sometimes|soon|still|"
    "suddenly|there|thereafter|today|yesterday"
)
# not every word in -ly: Sally and Italy are names
ADVERBS_IN_LY = r"\w{2,}(?:ally|ably|ibly|ately|antly|ently|edly|ously)"
QUANTIFIERS = "all|another|any|both|each|either|every|few|many|more|most|much|neither|other|several|some"

FUNCTION_WORDS = frozenset(
    f"{PREPOSITIONS}|{CONJUNCTIONS}|{CONNECTIVES}|{SUBJECTS}|{POSSESSIVES}|them|{DEMONSTRATIVES}|a|an|the|that|those|there|no|not|than|for|"
    "are|can|could|did|do|does|had|has|have|is|may|might|must|should|was|were|would|"
    "how|what|whether|which|who|whom|whose|why|our|we|you|your|each|more|most|some|very".split("|")
)
"""An answer neither begins nor ends with one of these."""
SENTENCE_OPENERS = FUNCTION_WORDS | frozenset(f"{ADVERBS}|{QUANTIFIERS}|according|following|former|i|my|yes".split("|"))
"""Words whose capital says only that a sentence begins."""
