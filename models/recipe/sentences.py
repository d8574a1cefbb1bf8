"""Splits paragraphs of prose into sentences."""

import re

# A full stop after these does not end a sentence.
_ABBREVIATIONS = frozenset(
    """Mr Mrs Ms Messrs Mme Mlle Dr St Prof Rev Hon Gen Col Capt Lieut Lt Maj
    Sergt Sgt Gov Pres Sen Rep Sir Jr Sr Esq Bros Co Corp Inc Ltd Mt Ft Vol vol
    No Nos no pp p ch chap fig Fig cf viz vs etc ed Jan Feb Mar Apr Jun Jul Aug
    Sept Oct Nov Dec Mon Tues Wed Thurs Fri Sat Sun i.e e.g a.m p.m A.M P.M
    Psa Matt""".split())

_BOUNDARY = re.compile(
    r"""(?P<mark>[.!?…]+)         # the end of a sentence,
        (?P<close>["'”’)\]]*)     # what closes with it,
        \s+
        (?=["'“‘(\[—-]*[A-Z0-9])  # and a beginning after it""", re.VERBOSE)
_LAST_WORD = re.compile(r"[^\s(\[\"'“‘—-]*$")


def split_sentences(paragraph: str) -> list[str]:
    """The sentences of a paragraph, without blanks around them."""
    sentences, begin = [], 0
    for match in _BOUNDARY.finditer(paragraph):
        if match["mark"] == "." and not match["close"]:
            word = _LAST_WORD.search(paragraph, begin, match.start())
            last = word.group() if word else ""
            if last in _ABBREVIATIONS or (len(last) == 1 and last.isupper()
                                          and last != "I"):
                continue
        sentences.append(paragraph[begin:match.end()].strip())
        begin = match.end()
    rest = paragraph[begin:].strip()
    if rest:
        sentences.append(rest)
    return sentences
