"""Receipts: refunds, thousands, text layers, pages, glued dates."""

from decimal import Decimal

from harness import check, fault


def read(room, name, *arguments):
    room.run("receipt", room.data / name, "--overlay=false", *arguments)
    return room.json("receipt.json")


def value(field):
    return field["value"] if field else None


def expect(receipt, **expected):
    for name, wanted in expected.items():
        found = receipt["merchant"]["name"] if name == "merchant" else receipt[name]
        check(value(found) == wanted, f"{name} is {value(found)}, not {wanted}")


def amounts(receipt):
    return [Decimal(value(item["amount"])) for item in receipt["items"]]


def quick_mart(receipt):
    expect(receipt, merchant="QUICK MART PTE LTD", date="2025-03-12", total="9.00", currency="SGD")
    check(receipt["pages"][0]["source"] == "picture", "it does not say that the picture was read")


@fault("30-pdf-small-text-layer:stamp")
def stamp(room):
    quick_mart(read(room, "p1-camscanner.pdf"))


@fault("30-pdf-small-text-layer:mail")
def mail(room):
    quick_mart(read(room, "p7-mail.pdf"))


@fault("32-pdf-rotated")
def rotated(room):
    receipt = read(room, "p4-rot.pdf")
    expect(receipt, merchant="ACME SUPPLIES INC", total="513.00")
    check(receipt["items"], "there are no items")


@fault("32-pdf-rotated:upright")
def upright(room):
    receipt = read(room, "p0-good.pdf")
    expect(receipt, merchant="ACME SUPPLIES INC", total="513.00")
    check(receipt["pages"][0]["source"] == "text_layer", "the good text layer was not used")


@fault("33-tiff-pages")
def pages(room):
    receipt = read(room, "r9-2page.tif")
    expect(receipt, total="9.00")
    check(len(receipt["pages"]) == 2, f"{len(receipt['pages'])} pages instead of 2")


@fault("33-tiff-pages:limit")
def limited(room):
    receipt = read(room, "r9-2page.tif", "--max-pages", "1")
    check(any("1 more page" in warning for warning in receipt["quality"]["warnings"]), "nothing says that a page was left out")


@fault("34-refund")
def refund(room):
    receipt = read(room, "r14-refund.png")
    expect(receipt, total="-41.12", subtotal="-37.99")
    check(receipt["refund"] and receipt["quality"]["adds_up"], "it is no refund that adds up")


@fault("35-thousands-by-blank:point")
def point(room):
    receipt = read(room, "r22-za.png")
    expect(receipt, total="3798.00", currency="ZAR")
    check(amounts(receipt) == [2499, 1299], f"items are {amounts(receipt)}")
    check(receipt["quality"]["adds_up"], "it does not add up")


@fault("35-thousands-by-blank:comma")
def comma(room):
    receipt = read(room, "r3-se.png")
    expect(receipt, total="3798.00", currency="SEK")
    check(amounts(receipt) == [2499, 1299], f"items are {amounts(receipt)}")


@fault("37-micros-date")
def micros(room):
    receipt = read(room, "r1-micros.png")
    expect(receipt, date="2024-03-05", time="19:14", total="30.31")
    names = [value(item["description"]) for item in receipt["items"]]
    check(names == ["Burger", "Iced Tea", "Salad"], f"items are {names}")
