"""Tills of Germany, Austria, Switzerland, France, Spain, Portugal, Brazil, Italy, the Netherlands and Japan, with the words and the
conventions of numbers and dates of each. Shops, streets and goods are invented."""

from decimal import Decimal

from receipt_paper import Paper, cents, date_of, goods

# Per country: font, currency, its sign in sums, decimal and thousands marks, and words.
COUNTRIES = {
    "germany": dict(currency="EUR", sum="Summe EUR", subtotal="Zwischensumme", tax="inkl. MwSt {rate}%", rate="19", cash="Bar", change="Rückgeld", card="EC-Karte",
                    date="Datum", time="Uhrzeit", number="Beleg-Nr.", names=["Bäckerei Sonnfeld GmbH", "Buchhandlung Lindenhof GmbH", "Radhaus Elbtal GmbH"], dates="dots",
                    streets=[("Birkenallee 14", "04277 Leipzig"), ("Am Mühlgraben 3", "79098 Freiburg")], taxid="DE{0:09}", taxname="USt-IdNr."),
    "austria": dict(currency="EUR", sum="Gesamtbetrag", subtotal="Netto", tax="zzgl. USt {rate}%", rate="20", cash="Gegeben", change="Zurück", card="Kartenzahlung",
                    date="Datum", time="Zeit", number="Rechnung Nr.", names=["Gasthof Almrausch KG", "Trafik Donauwiese e.U.", "Cafe Steinfeld OG"], dates="dots",
                    streets=[("Lerchenweg 8", "6020 Innsbruck"), ("Rathausgasse 21", "8010 Graz")], taxid="ATU{0:08}", taxname="UID"),
    "switzerland": dict(currency="CHF", sum="Total CHF", subtotal="Zwischensumme", tax="MWST {rate}%", rate="8.1", cash="Bar", change="Rückgeld", card="Kreditkarte", point=True,
                        date="Datum", time="Zeit", number="Beleg Nr.", names=["Papeterie Seeblick AG", "Molki Haslital GmbH"], dates="dots",
                        streets=[("Seestrasse 40", "6052 Hergiswil"), ("Dorfgasse 7", "3812 Wilderswil")], taxid="CHE-{0:09}", taxname="MWST-Nr."),
    "france": dict(currency="EUR", sum="TOTAL TTC", subtotal="Total HT", tax="TVA {rate}%", rate="20,0", cash="Espèces", change="Rendu monnaie", card="Carte bancaire",
                   date="Date", time="Heure", number="Ticket N°", names=["Librairie du Vieux Pont SARL", "Boulangerie Les Trois Épis", "Quincaillerie Morvan SAS"], dates="dmy",
                   streets=[("12 rue des Acacias", "35000 Rennes"), ("4 place du Marché", "21200 Beaune")], taxid="FR{0:011}", taxname="TVA"),
    "spain": dict(currency="EUR", sum="TOTAL A PAGAR", subtotal="Base imponible", tax="IVA {rate}%", rate="21", cash="Efectivo", change="Cambio", card="Tarjeta",
                  date="Fecha", time="Hora", number="Factura simplificada", names=["Ferretería Olmo Viejo S.L.", "Panadería Santa Brisa", "Librería Alameda S.L."], dates="dmy",
                  streets=[("Calle Almendro 22", "37001 Salamanca"), ("Avenida del Puerto 9", "46021 Valencia")], taxid="B{0:08}", taxname="NIF"),
    "portugal": dict(currency="EUR", sum="Total a pagar", subtotal="Subtotal", tax="IVA {rate}%", rate="23", cash="Numerário", change="Troco", card="Multibanco",
                     date="Data", time="Hora", number="Fatura simplificada", names=["Padaria Monte Claro Lda", "Drogaria Vale Verde Lda"], dates="iso",
                     streets=[("Rua das Oliveiras 31", "4050-182 Porto"), ("Largo da Fonte 5", "3000-214 Coimbra")], taxid="{0:09}", taxname="NIF"),
    "brazil": dict(currency="BRL", sum="VALOR A PAGAR R$", subtotal="Subtotal R$", tax=None, rate=None, cash="Dinheiro", change="Troco R$", card="Cartão de Crédito",
                   date="Emissão", time="Hora", number="NFC-e nº", names=["Mercearia Serra Azul Ltda", "Padaria Ipê Amarelo Ltda"], dates="dmy",
                   streets=[("Rua dos Jacarandás, 118", "30140-071 Belo Horizonte MG"), ("Avenida Central, 902", "80010-150 Curitiba PR")], taxid="{0:014}", taxname="CNPJ"),
    "italy": dict(currency="EUR", sum="TOTALE COMPLESSIVO", subtotal="Subtotale", tax="di cui IVA", rate=None, cash="Pagamento contante", change="Resto", card="Pagamento elettronico",
                  date="Data", time="Ora", number="Documento N.", names=["Panificio Colle Fiorito S.r.l.", "Cartoleria San Lazzaro S.n.c."], dates="dmy-", included=True,
                  streets=[("Via dei Tigli 16", "40126 Bologna BO"), ("Corso Garibaldi 88", "53100 Siena SI")], taxid="{0:011}", taxname="P.IVA"),
    "netherlands": dict(currency="EUR", sum="Te betalen", subtotal="Subtotaal", tax="BTW {rate}%", rate="21", cash="Contant", change="Wisselgeld", card="PIN",
                        date="Datum", time="Tijd", number="Bon nr.", names=["Bakkerij De Molenhoek B.V.", "Boekhandel Zonneveld B.V."], dates="dmy-",
                        streets=[("Kastanjelaan 27", "3572 XK Utrecht"), ("Havenstraat 5", "9712 AB Groningen")], taxid="NL{0:09}B01", taxname="BTW-nr."),
}
GOODS = {
    "germany": ["Roggenbrot", "Apfelschorle", "Notizbuch A5", "Fahrradklingel", "Kräutertee", "Bleistifte"],
    "austria": ["Wiener Schnitzel", "Melange", "Apfelstrudel", "Almdudler", "Gulasch", "Mineralwasser"],
    "switzerland": ["Bergkäse", "Schreibpapier", "Rivella", "Nussgipfel", "Joghurt nature", "Kugelschreiber"],
    "france": ["Baguette tradition", "Cahier 96 pages", "Vis inox", "Croissant", "Stylo bille", "Pain au chocolat"],
    "spain": ["Pan de pueblo", "Tornillos", "Cuaderno", "Aceite de oliva", "Napolitana", "Bombilla LED"],
    "portugal": ["Pastel de nata", "Pão alentejano", "Detergente", "Café", "Sumo de laranja", "Esponja"],
    "brazil": ["Pão de queijo", "Café torrado", "Leite integral", "Farinha de milho", "Suco de uva", "Sabonete"],
    "italy": ["Focaccia", "Quaderno", "Pane casereccio", "Penna blu", "Biscotti", "Latte fresco"],
    "netherlands": ["Volkoren brood", "Appelflap", "Roman", "Wenskaart", "Krentenbol", "Puzzel"],
}


def money(value, country, grouped=False):
    text = f"{value:,.2f}"
    return text.replace(",", "'") if country.get("point") else text.replace(",", " ").replace(".", ",").replace(" ", ".")


def till(rng, name, variant):
    country = COUNTRIES[name]
    paper = Paper(font=("Sans", "SansMono", "Serif")[variant % 3], size=(23, 22, 24)[variant % 3])
    shop, (street, town) = rng.choice(country["names"]), rng.choice(country["streets"])
    date, iso = date_of(rng, country["dates"])
    at = f"{rng.randint(8, 20):02}:{rng.randint(10, 59)}"
    number = f"{rng.randint(2021, 2024)}-{rng.randint(10000, 99999)}"
    taxid = country["taxid"].format(rng.randint(10000000, 89999999))
    bought, total = goods(rng, GOODS[name], rng.randint(2, 4), low=1, high=30)
    show = lambda value: money(value, country)
    paper.middle(shop, size=1.2, bold=True)
    if variant == 1:
        paper.middle(f"{street}, {town}")
    else:
        paper.middle(street, town)
    paper.middle(f"{country['taxname']}: {taxid}", size=0.9)
    paper.rule()
    if variant == 2:
        paper.row(("l", f"{country['number']} {number}"))
        paper.row(("l", f"{country['date']}: {date}"), ("r", f"{country['time']}: {at}"))
    else:
        paper.row(("l", f"{country['number']} {number}"), ("r", f"{date} {at}"))
    paper.rule()
    for description, quantity, price, amount in bought:
        if variant == 1:
            paper.row(("l", description))
            paper.row((0.08, f"{quantity} x {show(price)}"), ("r", show(amount)))
        else:
            paper.row(("l", f"{quantity} x {description}"), ("r.74", show(price)), ("r", show(amount)))
    paper.rule("=")
    key = {"name": shop, "address": f"{street}, {town}" if variant == 1 else f"{street} {town}", "date": iso, "time": at, "currency": country["currency"]}
    if country["tax"]:
        rate = Decimal((country["rate"] or "22").replace(",", "."))
        if country.get("included"):
            tax = cents(total - total / (1 + rate / 100))
            paper.ends(country["subtotal"], show(total))
            paper.ends(country["sum"], show(total), bold=True)
            paper.ends(country["tax"], show(tax))
        else:
            tax = cents(total * rate / 100)
            paper.ends(country["subtotal"], show(total))
            paper.ends(country["tax"].format(rate=country["rate"]), show(tax))
            key["subtotal"] = str(total)
            total = total + tax
            paper.ends(country["sum"], show(total), bold=True)
        key["tax"] = str(tax)
    else:
        paper.ends(country["sum"], show(total), bold=True)
    key["total"] = str(total)
    if variant == 0:
        paper.ends(country["card"], show(total))
        key["method"] = "card"
    else:
        given = cents((total // 10 + 1) * 10)
        paper.ends(country["cash"], show(given))
        paper.ends(country["change"], show(given - total))
        key |= {"method": "cash", "tendered": str(given), "change": str(given - total)}
    key["items"] = [{"description": n, "amount": str(a)} for n, q, p, a in bought]
    return paper, key


JAPANESE = ["緑茶", "おにぎり 鮭", "食パン", "牛乳", "ノート", "ボールペン", "カレーパン", "電池 単三"]


def japan(rng, variant):
    paper = Paper(font="Chinese", size=24)
    shop = rng.choice(["みどり書房 本町店", "ひので食品館", "コスモス文具店"])
    address = rng.choice(["東京都中野区本町2-14-7", "大阪府堺市西区浜寺町3-8"])
    year, month, date = rng.randint(2020, 2024), rng.randint(1, 12), rng.randint(13, 28)
    at = f"{rng.randint(9, 20):02}:{rng.randint(10, 59)}"
    printed = f"令和{year - 2018}年{month}月{date}日 {at}" if variant == 1 else f"{year}年{month:02}月{date:02}日 {at}"
    bought = [(name, rng.randint(8, 90) * 10) for name in rng.sample(JAPANESE, rng.randint(2, 4))]
    subtotal = sum(price for _, price in bought)
    tax = subtotal * 8 // 100
    total = subtotal + tax
    paper.middle(shop, size=1.3)
    paper.middle(address, f"TEL 03-{rng.randint(2000, 5999)}-{rng.randint(1000, 9999)}")
    paper.middle("領収書")
    paper.row(("l", printed))
    paper.rule()
    for name, price in bought:
        paper.ends(name, f"¥{price:,}")
    paper.rule()
    paper.ends("小計", f"¥{subtotal:,}")
    paper.ends("消費税(8%)" if variant else "外税 8%", f"¥{tax:,}")
    paper.ends("合計", f"¥{total:,}", size=1.2)
    key = {"name": shop, "address": address, "date": f"{year}-{month:02}-{date:02}", "time": at, "currency": "JPY", "subtotal": str(subtotal), "tax": str(tax), "total": str(total)}
    if variant == 2:
        paper.ends("クレジット", f"¥{total:,}")
        key["method"] = "card"
    else:
        given = (total // 1000 + 1) * 1000
        paper.ends("お預り", f"¥{given:,}")
        paper.ends("お釣り", f"¥{given - total:,}")
        key |= {"method": "cash", "tendered": str(given), "change": str(given - total)}
    key["items"] = [{"description": name, "amount": str(price)} for name, price in bought]
    return paper, key


def layouts():
    def of(name, variant):
        def layout(rng):
            return japan(rng, variant) if name == "japan" else till(rng, name, variant)

        layout.__name__ = f"{name}_{variant}"
        return layout

    return [of(name, variant) for name in [*COUNTRIES, "japan"] for variant in range(3)]


LAYOUTS = layouts()
