"""Every field of the rendered receipts (receipt_render.py) against what is known of them; prints a table of fields."""

import collections
import json
import re
import unicodedata
from decimal import Decimal

PAYMENT = ("method", "tendered", "change")
MERCHANT = ("name", "address", "phone", "tax_id")
MONEY = ("subtotal", "discount", "service_charge", "tax", "rounding", "tip", "total", "tendered", "change", "quantity", "unit_price", "amount")


def value(field):
    return field["value"] if field else ""


def plain(text):
    """Letters, digits and ideographs, in capitals and without accents."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKD", str(text).upper()))
    return "".join(c for c in folded if c.isalnum())


def same(name, found, true):
    if name == "phone":
        return re.sub(r"\D", "", found) == re.sub(r"\D", "", true)
    if name in MONEY:
        return bool(found) and Decimal(found) == Decimal(true)
    return plain(found) == plain(true)


def found_of(receipt, name):
    if name in MERCHANT:
        return value(receipt["merchant"][name])
    if name in PAYMENT:
        return value(receipt["payment"][name])
    if name == "discount":
        return value(receipt["discounts"][0]) if len(receipt["discounts"]) == 1 else ""
    if name == "tax":
        return value(receipt["taxes"][0]["amount"]) if len(receipt["taxes"]) == 1 else ""
    return value(receipt[name])


def score(root, out):
    """Right and wanted for each field, and what went wrong."""
    right, wanted, misses = collections.Counter(), collections.Counter(), []
    for key in sorted((root / "key").iterdir()):
        truth, receipt = json.loads(key.read_text()), json.loads((out / key.stem / "receipt.json").read_text())
        wanted["adds up"] += 1
        right["adds up"] += receipt["quality"]["adds_up"] is True
        for name, true in truth.items():
            if name == "items":
                found = [{part: value(item.get(part)) for part in true[0]} for item in receipt["items"]]
                wanted["items"] += len(true)
                for index, item in enumerate(true):
                    hit = len(found) == len(true) and all(same(part, found[index][part], item[part]) for part in item)
                    right["items"] += hit
                    if not hit:
                        misses.append((key.stem, "item", item, found[index] if index < len(found) else None))
                continue
            wanted[name] += 1
            hit = same(name, found_of(receipt, name), true)
            right[name] += hit
            if not hit:
                misses.append((key.stem, name, true, found_of(receipt, name)))
    return right, wanted, misses


def table(root, out):
    right, wanted, misses = score(root, out)
    print(f"{len(list((root / 'key').iterdir()))} rendered receipts and invoices of layouts\n")
    print("| field | right |\n|---|---|")
    for name in wanted:
        print(f"| {name} | {right[name]}/{wanted[name]} |")
    print(f"| all | {sum(right.values())}/{sum(wanted.values())} |\n")
    return misses
