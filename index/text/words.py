"""Tokenization for word search: stemmed words without stop words, by language."""

import re
import unicodedata
from functools import cache, lru_cache

import Stemmer
from bm25s import stopwords

from index.errors import SettingsError

# ISO 639-1 codes of the Snowball stemmers
STEMMERS = {
    "ar": "arabic", "ca": "catalan", "da": "danish", "de": "german", "el": "greek", "en": "english", "es": "spanish",
    "et": "estonian", "eu": "basque", "fi": "finnish", "fr": "french", "ga": "irish", "hi": "hindi", "hu": "hungarian",
    "hy": "armenian", "id": "indonesian", "it": "italian", "lt": "lithuanian", "ne": "nepali", "nl": "dutch",
    "no": "norwegian", "pt": "portuguese", "ro": "romanian", "ru": "russian", "sr": "serbian", "sv": "swedish",
    "ta": "tamil", "tr": "turkish", "yi": "yiddish",
}  # fmt: skip

_STOPWORDS = {
    "da": stopwords.STOPWORDS_DANISH, "de": stopwords.STOPWORDS_GERMAN, "en": stopwords.STOPWORDS_EN,
    "es": stopwords.STOPWORDS_SPANISH, "fr": stopwords.STOPWORDS_FRENCH, "it": stopwords.STOPWORDS_ITALIAN,
    "nl": stopwords.STOPWORDS_DUTCH, "no": stopwords.STOPWORDS_NORWEGIAN, "pt": stopwords.STOPWORDS_PORTUGUESE,
    "ru": stopwords.STOPWORDS_RUSSIAN, "sv": stopwords.STOPWORDS_SWEDISH, "tr": stopwords.STOPWORDS_TURKISH,
}  # fmt: skip

_WORD = re.compile(r"[^\W_]+")
_APOSTROPHE = re.compile(r"['’]s\b")


class Words:
    """Turns a text into the words that BM25 counts: case-folded, without stop words, stemmed.

    Raises SettingsError if there is no stemmer for `language` (ISO 639-1).
    """

    def __init__(self, language: str) -> None:
        if language not in STEMMERS:
            raise SettingsError(
                f"there is no stemmer for the language {language!r}", f"Choose one of {', '.join(STEMMERS)}"
            )
        stemmer, stopwords = Stemmer.Stemmer(STEMMERS[language]), frozenset(_STOPWORDS.get(language, ()))
        # words recur, and a look-up is cheaper than a call of the stemmer
        cached = lru_cache(maxsize=1 << 16)
        self._stem = cached(lambda word: "" if word in stopwords else stemmer.stemWord(word))
        self.of_word = cached(lambda word: frozenset(self(word)))
        """The stems of one word. A hyphenated word has several, a stop word none."""

    def __call__(self, text: str) -> list[str]:
        folded = _APOSTROPHE.sub("", unicodedata.normalize("NFKC", text).casefold())
        return [stem for word in _WORD.findall(folded) if (stem := self._stem(word))]


@cache
def words_of(language: str) -> Words:
    """The shared instance for `language`, so that its caches are shared too."""
    return Words(language)
