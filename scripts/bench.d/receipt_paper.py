"""Paper that receipts are drawn on, and goods and dates to print."""

import calendar
from decimal import ROUND_HALF_UP, Decimal

from PIL import Image, ImageDraw, ImageFont

DEJAVU = "/usr/share/fonts/truetype/dejavu/DejaVu{}.ttf"
CHINESE = "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc"
CENT = Decimal("0.01")


def cents(value):
    return Decimal(value).quantize(CENT, ROUND_HALF_UP)


class Paper:
    """Rows of cells from the top. A cell is `(where, text)`: `l`, `c`, `r`, or a share of the width at which it starts
    (a number) or ends (`r.62`)."""

    def __init__(self, width=640, font="Sans", size=24, margin=0.04):
        self.width, self.font, self.size, self.margin, self.rows = width, font, size, margin, []
        # What was drawn: the row, the text, and its box.
        self.drawn = []

    def row(self, *cells, size=1.0, gap=1.0, bold=False):
        self.rows.append((cells, size, gap, bold))

    def middle(self, *texts, **style):
        for text in texts:
            self.row(("c", text), **style)

    def ends(self, left, right, **style):
        self.row(("l", left), ("r", right), **style)

    def rule(self, mark="-"):
        self.rows.append((None, 0.5, 0.6, mark))

    def face(self, share, bold):
        name = CHINESE if self.font == "Chinese" else DEJAVU.format(self.font + (("-Bold") if bold else ""))
        return ImageFont.truetype(name, round(self.size * share))

    def draw(self):
        height = round(sum(1.45 * self.size * size * gap for _, size, gap, _ in self.rows) + 4 * self.size)
        picture = Image.new("RGB", (self.width, height), (252, 252, 250))
        ink, y, margin = ImageDraw.Draw(picture), 2 * self.size, self.margin * self.width
        for number, (cells, size, gap, bold) in enumerate(self.rows):
            if cells is None:
                face = self.face(0.8, False)
                count = int((self.width - 2 * margin) / face.getlength(bold))
                ink.text((margin, y - self.size * 0.4), bold * count, font=face, fill=(70, 70, 70))
            for where, text in cells or ():
                face = self.face(size, bold)
                length = face.getlength(text)
                if where == "c":
                    x = (self.width - length) / 2
                elif where == "l":
                    x = margin
                elif where == "r":
                    x = self.width - margin - length
                elif isinstance(where, str):
                    x = float(where[1:]) * self.width - length
                else:
                    x = where * self.width
                ink.text((x, y), text, font=face, fill=(25, 25, 28))
                self.drawn.append((number, text, (x, y, x + length, y + self.size * size)))
            y += 1.45 * self.size * size * gap
        return picture


    def page(self):
        """What was drawn, as the reader of text gives it (`TextPage` of medley-vision)."""

        def line(row, text, box):
            left, top, right, bottom = box
            quad = [[left, top], [right, top], [right, bottom], [left, bottom]]
            return {"text": text, "confidence": 1.0, "polygon": quad, "upright": quad, "row": row, "glyphs": []}

        lines = [line(*drawn) for drawn in sorted(self.drawn, key=lambda drawn: (drawn[0], drawn[2][0]))]
        height = max(box[3] for _, _, box in self.drawn)
        return {"turn_deg": 0, "lean_deg": 0.0, "width": self.width, "height": height, "lines": lines}


def goods(rng, names, count, low=2, high=60, most=4):
    chosen = rng.sample(names, count)
    bought = []
    for name in chosen:
        quantity, price = rng.randint(1, most), cents(Decimal(rng.randint(low * 20, high * 20)) / 20)
        bought.append((name, quantity, price, cents(quantity * price)))
    return bought, sum((amount for *_, amount in bought), Decimal(0))


def items_key(bought):
    return [{"description": n, "quantity": str(q), "unit_price": str(p), "amount": str(a)} for n, q, p, a in bought]


def date_of(rng, style):
    year, month, day = rng.randint(2017, 2024), rng.randint(1, 12), rng.randint(13, 28)
    month_name = calendar.month_abbr[month]
    full = calendar.month_name[month]
    printed = {"dmy": f"{day:02}/{month:02}/{year}", "dmy-": f"{day:02}-{month:02}-{year}", "dmyy": f"{day:02}/{month:02}/{year % 100:02}",
               "mdy": f"{month:02}/{day:02}/{year}", "named": f"{day} {month_name} {year}", "us": f"{full} {day}, {year}",
               "iso": f"{year}-{month:02}-{day:02}", "zh": f"{year}年{month:02}月{day:02}日", "dots": f"{day:02}.{month:02}.{year}",
               "upper": f"{day:02}-{month_name.upper()}-{year % 100:02}", "slash": f"{year}/{month:02}/{day:02}"}[style]
    return printed, f"{year}-{month:02}-{day:02}"
