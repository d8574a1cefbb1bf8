"""What a PromQL expression takes from Prometheus: its selectors and labels."""

import re

WORDS = {
    "and", "or", "unless", "bool", "offset", "by", "without", "on", "ignoring",
    "group_left", "group_right", "start", "end", "inf", "nan", "atan2",
    "sum", "avg", "min", "max", "count", "group", "stddev", "stdvar", "topk",
    "bottomk", "quantile", "count_values",
}
TOKEN = re.compile(r"""
    (?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
  | (?P<range>\[[^\]]*\])
  | (?P<number>\d[\w.]*)
  | (?P<name>[a-zA-Z_:][\w:]*)
  | (?P<other>\S)
""", re.VERBOSE)
LISTS = ("by", "without", "on", "ignoring", "group_left", "group_right")


def parse(expression):
    """(selectors, labels): the selectors with their matchers, as text that is a
    query by itself, and the labels in by (...) and the like."""
    tokens = [(match.lastgroup, match[0])
              for match in TOKEN.finditer(expression)]
    selectors, labels = set(), set()
    at = 0
    while at < len(tokens):
        kind, text = tokens[at]
        following = tokens[at + 1][1] if at + 1 < len(tokens) else ""
        if kind == "name" and text in LISTS and following == "(":
            at += 2
            while tokens[at][1] != ")":
                if tokens[at][0] == "name":
                    labels.add(tokens[at][1])
                at += 1
        elif kind == "name" and text.lower() not in WORDS and following != "(":
            selector = text
            if following == "{":
                at += 1
                while tokens[at][1] != "}":
                    selector += tokens[at][1]
                    at += 1
                selector += "}"
            selectors.add(selector)
        at += 1
    return selectors, labels
