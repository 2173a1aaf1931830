"""Receipts and invoices in layouts of their own, with what they say: `receipt_render.py OUT [SEED]` leaves `img/*.png`,
`key/*.json` and, of what is drawn, `lines.jsonl`. Shops, streets and goods are invented; nothing is taken from a collection of receipts."""

import json
import random
import sys
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import receipt_tills
from receipt_paper import Paper, cents, date_of, goods, items_key

GROCERIES = ["Basmati rice 5kg", "Olive oil", "Brown eggs x10", "Toothpaste mint", "Instant noodles", "Green tea bags", "Washing powder",
             "Oat biscuits", "Tuna in water", "Peanut butter", "Paper towels", "Fresh milk 1L", "Orange juice", "Corn flakes"]
DISHES = ["Nasi goreng", "Grilled salmon", "Caesar salad", "Tom yam soup", "Iced lemon tea", "Cappuccino", "Chicken chop", "Mango lassi",
          "Fish and chips", "Garlic bread", "Sparkling water", "Laksa", "Beef burger", "Apple pie"]
CHINESE_GOODS = ["农夫山泉矿泉水", "康师傅红烧牛肉面", "蒙牛纯牛奶", "金龙鱼调和油", "旺旺雪饼", "蓝月亮洗衣液", "东北大米", "海天酱油", "清风抽纸", "德芙巧克力"]
CHINESE_DISHES = ["宫保鸡丁", "鱼香肉丝", "麻婆豆腐", "清炒时蔬", "酸辣土豆丝", "米饭", "红烧排骨", "番茄蛋汤"]


def clock(rng, style=0):
    hour, minute, second = rng.randint(8, 21), rng.randint(10, 59), rng.randint(10, 59)
    if style == 1:
        return f"{(hour - 1) % 12 + 1}:{minute} {'AM' if hour < 12 else 'PM'}", f"{hour:02}:{minute}"
    return f"{hour:02}:{minute}:{second}", f"{hour:02}:{minute}:{second}"


def cash(paper, rng, total, labels=("CASH", "CHANGE")):
    tendered = cents((total // 10 + 1) * 10)
    paper.ends(labels[0], f"{tendered:,}")
    paper.ends(labels[1], f"{tendered - total:,}")
    return {"method": "cash", "tendered": str(tendered), "change": str(tendered - total)}



def us_diner(rng):
    paper = Paper(font="SansMono", size=22)
    name = rng.choice(["Maple Street Diner", "Harbor Light Grill", "The Copper Kettle", "Blue Ridge Tavern"])
    street, town = rng.choice([("418 Juniper Ave", "Asheville, NC 28801"), ("77 Harbor Blvd", "Portland, ME 04101"), ("2209 W Oak St", "Austin, TX 78704")])
    date, iso = date_of(rng, "mdy")
    time, at = clock(rng, 1)
    phone = f"({rng.randint(201, 989)}) 555-{rng.randint(1000, 9999)}"
    number = str(rng.randint(10000, 99999))
    paper.middle(name, size=1.3, bold=True)
    paper.middle(street, town, phone)
    paper.rule()
    paper.ends("Server: Dana", "Table 12")
    paper.ends(f"Check #: {number}", "Guests: 2")
    paper.ends(date, time)
    paper.rule()
    bought, subtotal = goods(rng, DISHES, 4, 4, 30, 1)
    for n, q, p, a in bought:
        paper.ends(f"{q} {n}", f"{a}")
    paper.rule()
    tax, tip = cents(subtotal * Decimal("0.0825")), cents(subtotal * Decimal("0.18"))
    paper.ends("Subtotal", f"${subtotal}")
    paper.ends("Sales Tax 8.25%", f"${tax}")
    paper.ends("Tip", f"${tip}")
    paper.ends("Total", f"${subtotal + tax + tip}", bold=True, size=1.2)
    paper.ends("Visa ****4821", f"${subtotal + tax + tip}")
    paper.middle("Thank you for dining with us!", gap=1.5)
    return paper, {"name": name, "address": f"{street} {town}", "phone": phone, "number": number, "date": iso, "time": at, "currency": "USD",
                   "subtotal": str(subtotal), "tax": str(tax), "tip": str(tip), "total": str(subtotal + tax + tip), "method": "card",
                   "items": [{"description": n, "quantity": str(q), "amount": str(a)} for n, q, p, a in bought]}


def uk_shop(rng):
    paper = Paper(font="SansMono", size=23)
    brand = rng.choice(["GREENFIELDS", "OAKHAM'S", "Larder & Loaf"])
    name = rng.choice(["Greenfields Stores Ltd", "Oakham Retail Limited", "Larder and Loaf Ltd"])
    address = rng.choice([("14-16 High Street", "Guildford GU1 3DY"), ("Unit 3 Riverside Retail Park", "Norwich NR1 1WS"), ("221 Kings Road", "Brighton BN1 2PE")])
    vat = f"GB {rng.randint(100, 999)} {rng.randint(1000, 9999)} {rng.randint(10, 99)}"
    date, iso = date_of(rng, "dmyy")
    time = f"{rng.randint(9, 19)}:{rng.randint(10, 59)}"
    paper.middle(brand, size=1.6, bold=True)
    paper.middle(name, *address, f"VAT No: {vat}")
    paper.rule("=")
    bought, total = goods(rng, GROCERIES, 5, 1, 15, 1)
    for n, q, p, a in bought:
        paper.ends(n.upper(), f"{a}")
    paper.rule()
    paper.ends("TOTAL", f"£{total}", bold=True, size=1.2)
    paid = cash(paper, rng, total, ("CASH", "CHANGE DUE"))
    paper.ends("VAT @ 20% included", f"{cents(total / 6)}")
    number = str(rng.randint(1000, 9999))
    paper.row(("l", f"{date} {time}"), ("r", f"TILL 04  TRANS {number}"), gap=1.4)
    return paper, {"name": name, "address": " ".join(address), "tax_id": vat, "date": iso, "time": time, "currency": "GBP", "number": number,
                   "total": str(total), "tax": str(cents(total / 6)), **paid,
                   "items": [{"description": n.upper(), "amount": str(a)} for n, q, p, a in bought]}


def singapore(rng):
    paper = Paper(font="Sans", size=24)
    name = rng.choice(["ORCHID GARDEN RESTAURANT PTE LTD", "LITTLE WOK KITCHEN PTE. LTD.", "KAYA HOUSE PTE LTD"])
    address = rng.choice([("31 Duxton Road #02-05", "Singapore 089495"), ("200 Victoria Street, #03-17", "Singapore 188021")])
    reg = f"20{rng.randint(10, 19)}{rng.randint(10000, 99999)}K"
    date, iso = date_of(rng, "named")
    time, at = clock(rng, 1)
    number = f"R{rng.randint(100000, 999999)}"
    paper.middle(name, bold=True)
    paper.middle(*address, f"Tel: 6{rng.randint(100, 999)} {rng.randint(1000, 9999)}", f"GST Reg No: {reg}", size=0.9)
    paper.rule()
    paper.ends(f"Receipt No: {number}", "Pax: 3")
    paper.ends(date, time)
    paper.rule()
    bought, subtotal = goods(rng, DISHES, 4, 4, 30)
    for n, q, p, a in bought:
        paper.row(("l", f"{q}"), (0.12, n), ("r", f"{a}"))
    paper.rule()
    service = cents(subtotal / 10)
    gst = cents((subtotal + service) * Decimal("0.07"))
    total = subtotal + service + gst
    for label, value in (("Sub-Total", subtotal), ("10% Svc Charge", service), ("7% GST", gst)):
        paper.ends(label, f"{value}")
    paper.ends("Grand Total", f"S${total}", bold=True, size=1.15)
    paper.ends("NETS", f"S${total}")
    return paper, {"name": name, "address": " ".join(address), "tax_id": reg, "number": number, "date": iso, "time": at, "currency": "SGD", "subtotal": str(subtotal),
                   "service_charge": str(service), "tax": str(gst), "total": str(total), "method": "card",
                   "items": [{"description": n, "quantity": str(q), "amount": str(a)} for n, q, p, a in bought]}


def malay_stall(rng):
    paper = Paper(font="SansMono", size=24, width=560)
    name = rng.choice(["RESTORAN SELERA KAMPUNG", "KEDAI RUNCIT AMAN JAYA", "PERNIAGAAN SINAR HARAPAN"])
    address = rng.choice([("No. 8 Jalan Cempaka 2,", "Taman Cempaka,", "31400 Ipoh, Perak"), ("Lot 1043, Batu 5, Jalan Gombak,", "53000 Kuala Lumpur")])
    date, iso = date_of(rng, "dmy-")
    time, at = clock(rng)
    number = f"{rng.randint(100000, 999999)}"
    paper.middle(name, bold=True)
    paper.middle(*address, f"Tel: 0{rng.randint(3, 9)}-{rng.randint(2000000, 8999999)}")
    paper.middle("RESIT", gap=1.3)
    paper.ends(f"No. Resit: {number}", f"Tarikh: {date}")
    paper.ends("Juruwang: Aina", f"Masa: {time}")
    paper.rule()
    paper.row(("l", "Perkara"), ("r.62", "Kuantiti"), ("r.8", "Harga"), ("r", "Jumlah"), size=0.85)
    bought, subtotal = goods(rng, ["Nasi lemak", "Teh tarik", "Roti canai", "Mee goreng", "Kuih lapis", "Air sirap", "Ayam masak merah"], 4, 1, 12)
    for n, q, p, a in bought:
        paper.row(("l", n), ("r.62", str(q)), ("r.8", str(p)), ("r", str(a)), size=0.85)
    paper.rule()
    discount = cents(subtotal / 20)
    due = subtotal - discount
    rounded = cents((due * 20).quantize(Decimal(1), ROUND_HALF_UP) / 20)
    paper.ends("Jumlah Kecil", f"{subtotal}")
    paper.ends("Diskaun 5%", f"-{discount}")
    paper.ends("Penggenapan", f"{rounded - due}")
    paper.ends("Jumlah Besar", f"RM {rounded}", bold=True)
    paid = cash(paper, rng, rounded, ("Tunai", "Baki"))
    paper.middle("Terima kasih, sila datang lagi", gap=1.4)
    return paper, {"name": name, "address": " ".join(address), "number": number, "date": iso, "time": at, "currency": "MYR", "subtotal": str(subtotal), "discount": str(discount),
                   "rounding": str(rounded - due), "total": str(rounded), **paid, "items": items_key(bought)}


def malaysian_chain(rng):
    """Codes and prices on a line of their own below each name; the brand larger than the company."""
    paper = Paper(font="Sans", size=22, width=600)
    brand, name = rng.choice([("FreshWay", "FRESHWAY MARKETING (M) SDN BHD"), ("Daily Basket", "BASKET RETAIL SDN. BHD."), ("TOKO 88", "LAPAN LAPAN VENTURES SDN BHD")])
    address = rng.choice([("Lot G-12, Ground Floor, Aman Mall,", "Persiaran Aman 1, 08000 Sungai Petani,", "Kedah"), ("12A & 12B, Jalan Sutera 3/7,", "Taman Sutera Utama,", "81300 Skudai, Johor")])
    gst = f"00{rng.randint(10**9, 10**10 - 1)}"
    date, iso = date_of(rng, "dmy")
    time, at = clock(rng)
    number = f"{rng.randint(10**8, 10**9 - 1)}"
    paper.middle(brand, size=1.8, bold=True)
    paper.middle(name, f"(Co. Reg. No. {rng.randint(100000, 999999)}-W)", *address, f"GST ID NO: {gst}", size=0.9)
    paper.middle("TAX INVOICE", bold=True)
    paper.row(("l", f"Invoice No. : {number}"))
    paper.ends(f"Date : {date}", f"Time : {time}")
    paper.rule()
    bought, subtotal = goods(rng, GROCERIES, 5, 1, 30)
    for n, q, p, a in bought:
        paper.row(("l", n.upper()))
        paper.row(("l", f"95{rng.randint(10**10, 10**11 - 1)}"), (0.42, f"{q} x {p}"), ("r", f"{a} SR"))
    paper.rule()
    due = subtotal
    rounded = cents((due * 20).quantize(Decimal(1), ROUND_HALF_UP) / 20)
    paper.ends("Total Incl. GST", f"{due}")
    paper.ends("Rounding Adj", f"{rounded - due:+}")
    paper.ends("Total Payable", f"RM {rounded}", bold=True)
    paid = cash(paper, rng, rounded, ("Cash", "Change"))
    net = cents(due / Decimal("1.06"))
    paper.row(("l", "GST Summary"), ("r.66", "Amount(RM)"), ("r", "Tax(RM)"), gap=1.3)
    paper.row(("l", "SR = 6%"), ("r.66", f"{net}"), ("r", f"{due - net}"))
    return paper, {"name": name, "address": " ".join(address), "tax_id": gst, "number": number, "date": iso, "time": at, "currency": "MYR", "rounding": str(rounded - due),
                   "total": str(rounded), "tax": str(due - net), **paid, "items": [dict(item, description=item["description"].upper()) for item in items_key(bought)]}


def a4_invoice(rng):
    paper = Paper(font="Sans", size=26, width=1240, margin=0.07)
    name = rng.choice(["Northlight Studio LLC", "Brightwater Consulting Inc", "Harrow & Finch Ltd"])
    address = rng.choice([("500 Market Street, Suite 210", "San Francisco, CA 94105"), ("88 Pine Road", "Boulder, CO 80302")])
    number = f"INV-{rng.randint(2000, 9999)}"
    date, iso = date_of(rng, "us")
    paper.row(("l", name), ("r", "INVOICE"), size=1.5, bold=True)
    paper.row(("l", address[0]), ("r", f"Invoice #: {number}"))
    paper.row(("l", address[1]), ("r", f"Invoice Date: {date}"))
    paper.row(("l", "billing@example.com"), ("r", "Due Date: January 31, 2026"))
    paper.row(("l", "Bill To:"), gap=1.6, bold=True)
    paper.row(("l", "Acme Widgets Corp"))
    paper.row(("l", "12 Factory Lane, Dayton, OH 45402"), gap=1.8)
    paper.row(("l", "Description"), ("r.6", "Qty"), ("r.77", "Unit Price"), ("r", "Amount"), bold=True)
    bought, subtotal = goods(rng, ["Web design", "Hosting, 12 months", "Copy editing", "Site audit", "Photography", "Logo design"], 4, 40, 600, 9)
    for n, q, p, a in bought:
        paper.row(("l", n), ("r.6", str(q)), ("r.77", f"{p:,}"), ("r", f"{a:,}"))
    tax = cents(subtotal * Decimal("0.085"))
    paper.row((0.6, "Subtotal"), ("r", f"${subtotal:,}"), gap=1.3)
    paper.row((0.6, "Tax (8.5%)"), ("r", f"${tax:,}"))
    paper.row((0.6, "Total Due"), ("r", f"${subtotal + tax:,}"), bold=True)
    paper.middle("Payment within 30 days. Thank you for your business.", gap=2)
    return paper, {"name": name, "address": " ".join(address), "number": number, "date": iso, "currency": "USD", "subtotal": str(subtotal), "tax": str(tax),
                   "total": str(subtotal + tax), "items": items_key(bought)}


def parking(rng):
    paper = Paper(font="SansMono", size=26, width=520)
    name = rng.choice(["CITY CENTRAL CAR PARK", "METRO PARKING SERVICES SDN BHD"])
    date, iso = date_of(rng, "dmy")
    total = cents(rng.randint(2, 18))
    time = f"{rng.randint(13, 21)}:{rng.randint(10, 59)}"
    paper.middle(name, "RECEIPT")
    paper.ends("Ticket", f"{rng.randint(10**5, 10**6)}")
    paper.ends("Entry", f"{date} 09:14")
    paper.ends("Exit", f"{date} {time}")
    paper.ends("Parking Fee", f"RM {total}")
    paper.ends("Paid by", "TOUCH N GO")
    return paper, {"name": name, "date": iso, "currency": "MYR", "total": str(total), "method": "wallet"}


def pharmacy(rng):
    """The total on the left of its row's end, tax codes behind the prices, a date without a word for it."""
    paper = Paper(font="SansMono", size=21, width=640)
    name = rng.choice(["WELLSPRING PHARMACY SDN BHD", "FARMASI CAHAYA SDN BHD", "CARE PLUS CLINIC"])
    address = rng.choice([("23, JLN BUNGA RAYA 5", "TMN BUNGA RAYA", "75100 MELAKA"), ("NO. 6-G, LORONG PERAK", "10150 GEORGETOWN, PULAU PINANG")])
    date, iso = date_of(rng, "upper")
    time, at = clock(rng)
    number = f"CS{rng.randint(10**6, 10**7)}"
    paper.middle(name, *address, f"TEL : 0{rng.randint(4, 9)}-{rng.randint(200, 899)} {rng.randint(1000, 9999)}  FAX : 04-2290000")
    paper.rule("=")
    paper.ends(f"BILL NO : {number}", f"{date} {time}")
    paper.rule("=")
    bought, total = goods(rng, ["Vitamin C 500mg", "Plasters assorted", "Cough syrup", "Hand cream", "Eye drops 10ml", "Thermometer"], 3, 3, 40)
    for i, (n, q, p, a) in enumerate(bought, 1):
        paper.row(("l", f"{i}. {n}"))
        paper.row((0.10, f"{q} PCS @ {p}"), ("r", f"{a} S"))
    paper.rule("=")
    paper.ends(f"TOTAL ({sum(q for _, q, *_ in bought)} ITEMS)", f"RM {total}")
    paper.ends("CREDIT CARD", f"RM {total}")
    return paper, {"name": name, "address": " ".join(address), "number": number, "date": iso, "time": at, "currency": "MYR", "total": str(total), "method": "card", "items": items_key(bought)}


def euro_cafe(rng):
    paper = Paper(font="Sans", size=25, width=560)
    name = rng.choice(["Café Lumière", "Trattoria Bella Vista", "The Canal House"])
    address = rng.choice([("Keizersgracht 214", "1016 DX Amsterdam"), ("12 Rue des Lilas", "75011 Paris")])
    date, iso = date_of(rng, "dots")
    bought, total = goods(rng, DISHES, 3, 3, 18, 2)
    euro = lambda value: str(value).replace(".", ",")
    paper.middle(name, size=1.3, bold=True)
    paper.middle(*address)
    paper.ends(f"Date {date}", f"{rng.randint(11, 21)}:{rng.randint(10, 59)}", gap=1.4)
    for n, q, p, a in bought:
        paper.row(("l", f"{q} x {n}"), ("r", f"{euro(a)} €"))
    paper.rule()
    paper.ends("Total", f"{euro(total)} €", bold=True)
    paper.ends("incl. VAT 10%", f"{euro(cents(total / 11))} €")
    paper.ends("Card payment", f"{euro(total)} €")
    return paper, {"name": name, "address": " ".join(address), "date": iso, "currency": "EUR", "total": str(total), "tax": str(cents(total / 11)), "method": "card",
                   "items": [{"description": n, "quantity": str(q), "amount": str(a)} for n, q, p, a in bought]}


def chinese_market(rng):
    paper = Paper(font="Chinese", size=25, width=600)
    name = rng.choice(["好邻居超市（人民路店）", "万家福生活超市", "鲜丰水果便利店"])
    address = rng.choice(["杭州市西湖区文三路259号", "成都市锦江区春熙路88号"])
    date, iso = date_of(rng, "iso")
    time, at = clock(rng)
    number = f"{rng.randint(10**11, 10**12)}"
    paper.middle(name, size=1.2)
    paper.middle("欢迎光临")
    paper.row(("l", f"小票号：{number}"))
    paper.ends(f"日期：{date}", time)
    paper.row(("l", "收银员：003"))
    paper.rule()
    paper.row(("l", "品名"), ("r.6", "数量"), ("r.8", "单价"), ("r", "金额"))
    bought, subtotal = goods(rng, CHINESE_GOODS, 4, 2, 40)
    for n, q, p, a in bought:
        paper.row(("l", n))
        paper.row(("r.6", str(q)), ("r.8", str(p)), ("r", str(a)))
    paper.rule()
    discount = cents(rng.randint(1, 3))
    total = subtotal - discount
    tendered = cents((total // 50 + 1) * 50)
    paper.ends(f"合计件数：{sum(q for _, q, *_ in bought)}", "")
    paper.ends("合计：", str(subtotal))
    paper.ends("优惠：", str(discount))
    paper.ends("应付：", str(total))
    paper.ends("现金：", str(tendered))
    paper.ends("找零：", str(tendered - total))
    paper.row(("l", f"地址：{address}"), gap=1.3)
    paper.row(("l", "电话：0571-88086666"))
    paper.middle("谢谢惠顾")
    return paper, {"name": name, "address": address, "number": number, "date": iso, "time": at, "currency": "CNY", "discount": str(discount), "total": str(total),
                   "method": "cash", "tendered": str(tendered), "change": str(tendered - total), "items": items_key(bought)}


def chinese_restaurant(rng):
    paper = Paper(font="Chinese", size=26, width=560)
    name = rng.choice(["川味轩饭店", "老北京炸酱面馆", "江南小厨（解放路店）"])
    date, iso = date_of(rng, "slash")
    time, at = clock(rng)
    number = f"{rng.randint(10**9, 10**10)}"
    paper.middle(name, size=1.3)
    paper.middle("结账单")
    paper.ends("桌号：A08", "人数：3")
    paper.row(("l", f"单号：{number}"))
    paper.row(("l", f"结账时间：{date} {time}"))
    paper.rule()
    bought, subtotal = goods(rng, CHINESE_DISHES, 4, 6, 60, 2)
    paper.row(("l", "菜品"), ("r.66", "数量"), ("r", "小计"))
    for n, q, p, a in bought:
        paper.row(("l", n), ("r.66", str(q)), ("r", str(a)))
    paper.rule()
    paper.ends("消费合计", f"¥{subtotal}")
    discount = cents(subtotal / 10)
    paper.ends("会员折扣", f"-{discount}")
    total = subtotal - discount
    paper.ends("实收金额", f"¥{total}", size=1.2)
    paper.ends("微信支付", f"¥{total}")
    return paper, {"name": name, "number": number, "date": iso, "time": at, "currency": "CNY", "discount": str(discount), "total": str(total), "method": "wallet",
                   "items": [{"description": n, "quantity": str(q), "amount": str(a)} for n, q, p, a in bought]}


def in_words(value):
    digits, units = "零壹贰叁肆伍陆柒捌玖", ["", "拾", "佰", "仟", "万"]
    whole, fraction = divmod(int(value * 100), 100)
    text, gap = "", False
    for place in range(4, -1, -1):
        figure = whole // 10**place % 10
        if figure:
            text += ("零" if gap and text else "") + digits[figure] + units[place]
            gap = False
        else:
            gap = True
    text += "圆"
    if not fraction:
        return text + "整"
    return text + (digits[fraction // 10] + "角" if fraction >= 10 else "零") + (digits[fraction % 10] + "分" if fraction % 10 else "")


def fapiao(rng):
    """An electronic invoice: buyer and seller side by side, the total in words."""
    paper = Paper(font="Chinese", size=24, width=1300, margin=0.05)
    buyer, seller = "上海云帆网络科技有限公司", rng.choice(["杭州墨香文化用品有限公司", "苏州精工办公设备有限公司"])
    tax_id = f"91330106MA2{rng.randint(1000000, 9999999)}"
    number = f"{rng.randint(10**19, 10**20 - 1)}"
    date, iso = date_of(rng, "zh")
    bought, net = goods(rng, ["*文具*中性笔", "*纸制品*复印纸", "*办公设备*订书机", "*文具*文件夹"], 3, 20, 300, 5)
    lines = [(n, q, p, a, cents(a * Decimal("0.13"))) for n, q, p, a in bought]
    tax = sum((line[4] for line in lines), Decimal(0))
    paper.row(("c", "电子发票（普通发票）"), size=1.6)
    paper.row(("r", f"发票号码：{number}"))
    paper.row(("r", f"开票日期：{date}"), gap=1.5)
    paper.row((0.05, "购买方信息"), (0.52, "销售方信息"))
    paper.row((0.05, f"名称：{buyer}"), (0.52, f"名称：{seller}"))
    paper.row((0.05, "统一社会信用代码/纳税人识别号：91310115MA1K4B2C3D"), size=0.85)
    paper.row((0.52, f"统一社会信用代码/纳税人识别号：{tax_id}"), size=0.85, gap=1.5)
    paper.row((0.05, "项目名称"), (0.30, "规格型号"), (0.42, "单位"), ("r.55", "数量"), ("r.67", "单价"), ("r.79", "金额"), ("r.87", "税率"), ("r", "税额"))
    for n, q, p, a, t in lines:
        paper.row((0.05, n), (0.43, "件"), ("r.55", str(q)), ("r.67", str(p)), ("r.79", str(a)), ("r.87", "13%"), ("r", str(t)))
    paper.row((0.10, "合计"), ("r.79", f"¥{net}"), ("r", f"¥{tax}"), gap=1.5)
    paper.row((0.05, "价税合计（大写）"), (0.30, in_words(net + tax)), (0.66, f"（小写）¥{net + tax}"), gap=1.6)
    paper.row((0.05, "开票人：李敏"))
    return paper, {"name": seller, "number": number, "date": iso, "currency": "CNY", "subtotal": str(net), "tax": str(tax), "total": str(net + tax), "items": items_key(bought)}


def hong_kong(rng):
    """English and Chinese mixed; whole dollars."""
    paper = Paper(font="Chinese", size=25, width=560)
    name = rng.choice(["Golden Lotus Restaurant 金蓮酒家", "Star Cafe 星星茶餐廳"])
    address = rng.choice(["Shop 5, G/F, 18 Hennessy Road, Wan Chai", "Flat B, 2/F, 99 Nathan Road, Kowloon"])
    date, iso = date_of(rng, "dmy")
    time, at = clock(rng, 1)
    bought, subtotal = goods(rng, ["Roast goose 燒鵝", "Milk tea 奶茶", "Wonton noodles 雲吞麵", "Steamed rice 白飯", "Lemon coke 檸檬可樂"], 3, 20, 120, 2)
    bought = [(n, q, cents(int(p)), cents(q * int(p))) for n, q, p, a in bought]
    subtotal = sum(a for *_, a in bought)
    service = cents(subtotal / 10)
    total = subtotal + service
    paper.middle(name, address, "Tel: 2834 5566")
    paper.ends(f"Bill No: {rng.randint(1000, 9999)}", f"{date} {time}", size=0.9)
    paper.rule()
    for n, q, p, a in bought:
        paper.row(("l", f"{q}"), (0.12, n), ("r", f"{a}"))
    paper.rule()
    paper.ends("Subtotal 小計", f"{subtotal}")
    paper.ends("10% Service Charge 服務費", f"{service}")
    paper.ends("Total 總計", f"HK${total}", bold=True)
    paper.ends("Octopus 八達通", f"HK${total}")
    return paper, {"name": name, "address": address, "date": iso, "time": at, "currency": "HKD", "subtotal": str(subtotal), "service_charge": str(service), "total": str(total),
                   "items": [{"description": n, "quantity": str(q), "amount": str(a)} for n, q, p, a in bought]}


LAYOUTS = [us_diner, uk_shop, singapore, malay_stall, malaysian_chain, a4_invoice, parking, pharmacy, euro_cafe, chinese_market, chinese_restaurant, fapiao, hong_kong]


def render(out, seed):
    for folder in ("img", "key"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    with open(out / "lines.jsonl", "w") as lines:
        for layout in LAYOUTS + receipt_tills.LAYOUTS:
            for index in range(3):
                paper, key = layout(random.Random(f"{layout.__name__} {seed} {index}"))
                stem = f"{layout.__name__}-{index}"
                paper.draw().save(out / "img" / f"{stem}.png")
                lines.write(json.dumps({"path": f"{stem}.png", "page": paper.page()}, ensure_ascii=False) + "\n")
                (out / "key" / f"{stem}.json").write_text(json.dumps(key, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    render(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1)
