//! Labels of tills in German, French, Spanish, Portuguese, Italian, Dutch and Japanese.
//!
//! Many of these words are parts of others, or mean something else in English (`Bar`, `Resto`, `Carte`), so a label must be
//! one of them as a whole, but for a currency, a tax rate or a colon.

use std::sync::LazyLock;

use regex::Regex;

use super::{
    fold,
    kind::{AmountKind, PaymentMethod},
};

/// The kind of amount that a label names as a whole.
pub(super) fn kind_of(label: &str) -> Option<AmountKind> {
    let folded = fold(label);
    LABELS.iter().find(|(_, label)| label.is_match(&folded)).map(|(kind, _)| *kind)
}

/// In order of precedence, in capitals without accents.
const WORDS: &[(AmountKind, &str)] = &[
    (
        AmountKind::Other,
        r"ARTIKEL|ANZAHL(?: ARTIKEL)?|POSTEN|NB(?:RE)?\.? ARTICLES?|NOMBRE D'ARTICLES?|ARTICLES?|ARTICULOS?|N[Oº.]* ?ARTIGOS?|QTD\.? TOTAL DE ITENS|N\.? ?ARTICOLI|PEZZI|AANTAL(?: ARTIKELEN)?|点数|お?買上(?:げ)?点数|ポイント.*|.*ポイント",
    ),
    (
        AmountKind::Rounding,
        r"RUNDUNG(?:SDIFFERENZ)?|ARRONDI(?:SSEMENT)?|REDONDEO|ARREDONDAMENTO|ARROTONDAMENTO|AFRONDING|端数調整",
    ),
    (
        AmountKind::Change,
        r"RUCKGELD|WECHSELGELD|ZURUCK|RENDU(?: MONNAIE)?|MONNAIE(?: RENDUE)?|A RENDRE|CAMBIO|SU CAMBIO|VUELTO|VUELTA|TROCO|RESTO|WISSELGELD|TERUG|お?釣り?銭?|おつり|お釣り|釣銭",
    ),
    (AmountKind::Service, r"BEDIENUNG|SERVICE COMPRIS|SERVIZIO|COPERTO|TAXA DE SERVICO|SERVICO|サービス料"),
    (AmountKind::Tip, r"TRINKGELD|POURBOIRE|PROPINA|GORJETA|MANCIA|FOOI"),
    (
        AmountKind::Discount,
        r"(?:.* )?(?:RABATT|NACHLASS|REMISE|REDUCTION|DESCUENTO|DTO\.?|DESCONTO|SCONTO|KORTING)(?: .*)?|値引き?|割引|クーポン",
    ),
    (
        AmountKind::Tax,
        r"(?:INKL\. |INCL\. |ENTH\. |DAVON |DONT |DI CUI |WAARVAN |ZZGL\. |\+ ?)?(?:MWST|UST|MEHRWERTSTEUER|UMSATZSTEUER|T\.?V\.?A\.?|I\.?V\.?A\.?|BTW|CUOTA(?: IVA)?|TOTAL (?:TVA|IVA)|TOTALE IVA|IMPOSTA|TOTAL MWST)(?: INCLUIDO| INCLUSE?| INCL\.?)?|(?:\(?内)?(?:消費税|内税|外税)(?:等|額|額等)?(?:計|合計)?\)?",
    ),
    (
        AmountKind::Subtotal,
        r"ZWISCHENSUMME|NETTO(?:BETRAG|SUMME)?|SOUS[- ]TOTAL(?: HT)?|TOTAL H\.?T\.?|MONTANT H\.?T\.?|BASE IMPONIBLE|BASE IMP\.?|SUBTOTALE|IMPONIBILE|SUBTOTAAL|TOTAAL EXCL\.? BTW|小計|税抜(?:合計|金額|小計)?|外税対象額",
    ),
    (
        AmountKind::GrandTotal,
        r"ZU ZAHLEN|BRUTTO(?:BETRAG|SUMME)?|GUTSCHRIFTS?BETRAG|ENDSUMME|ENDBETRAG|(?:TOTAL |NET |RESTE )?A PAYER|TOTAL T\.?T\.?C\.?|MONTANT T\.?T\.?C\.?|TOTAL A PAGAR|A PAGAR|IMPORTE TOTAL|TOTAL IMPORTE|VALOR A PAGAR|VALOR TOTAL|TOTALE COMPLESSIVO|TOTALE DOCUMENTO|TOTALE EURO?|DA PAGARE|TOTALE DA PAGARE|TE BETALEN|TOTAAL TE BETALEN|お?会計|お?買上(?:げ)?計|総合計|ご?請求(?:額|金額)|税込合計|合計[(（]?税込[)）]?",
    ),
    (
        AmountKind::Paid(PaymentMethod::Card),
        r"(?:EC[- ]?)?KARTE(?:NZAHLUNG)?|GIROCARD|KREDITKARTE|KARTENZAHLUNG|C\.?B\.?|CARTE BANCAIRE|CARTE(?: BLEUE)?|CB EMV|SANS CONTACT|TARJETA(?: (?:DE )?(?:CREDITO|DEBITO))?|CARTAO(?: (?:DE )?(?:CREDITO|DEBITO))?|MULTIBANCO|CARTA(?: DI CREDITO)?|BANCOMAT|PAGAMENTO ELETTRONICO|PIN(?:PAS)?|BETAALPAS|PINNEN|クレジット(?:カード)?|カード",
    ),
    (
        AmountKind::Paid(PaymentMethod::Wallet),
        r"電子マネー|交通系(?:IC|電子マネー)?|PAYPAY|QUICPAY|LINE PAY|BIZUM|PIX|MB ?WAY|TWINT|SATISPAY|LYDIA",
    ),
    (
        AmountKind::Paid(PaymentMethod::Cash),
        r"BAR(?:GELD|ZAHLUNG)?|GEGEBEN(?: BAR)?|BAR GEGEBEN|ESPECES?|EFECTIVO|ENTREGADO|DINHEIRO|NUMERARIO|ENTREGUE|CONTANTI|PAGAMENTO CONTANT[EI]|CONTANTE|CONTANT|KONTANT|現金|お?預か?り(?:金額?|計)?",
    ),
    (AmountKind::Paid(PaymentMethod::Unnamed), r"RECU|ERHALTEN|PAGADO|IMPORTO PAGATO|VALOR PAGO|ONTVANGEN|BETAALD"),
    (
        AmountKind::Total,
        r"SUMME|GESAMTBETRAG|GESAMTSUMME|RECHNUNGSBETRAG|SUMA|TOTALE?|TOTAAL|BETRAG|IMPORTE|IMPORTO|BEDRAG|MONTANT|GESAMT|合計(?:金額)?|現計",
    ),
];

static LABELS: LazyLock<Vec<(AmountKind, Regex)>> = LazyLock::new(|| {
    let whole = |words: &str| {
        let pattern = format!(
            r"^[\W_]*(?:(?:EUR|CHF|BRL|R\$|JPY|€|¥)\s*)?(?:{words})(?:[\s:.]*(?:EUR(?:OS?)?|CHF|BRL|R\$|JPY|€|¥|円))?[\s\W_]*(?:\(?\s*\d{{1,2}}(?:[.,]\d{{1,2}})?\s*[%％]\s*\)?)?[\s\W_]*$"
        );
        Regex::new(&pattern).expect("the pattern is fixed")
    };
    WORDS.iter().map(|(kind, words)| (*kind, whole(words))).collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_tills_are_known_as_whole_labels() {
        use AmountKind::{Change, Discount, GrandTotal, Paid, Subtotal, Tax, Total};
        use PaymentMethod::{Card, Cash};
        for (label, kind) in [
            ("Summe EUR", Some(Total)),
            ("Gesamtbetrag", Some(Total)),
            ("MwSt 19%", Some(Tax)),
            ("dont TVA 20,0 %", Some(Tax)),
            ("Rückgeld", Some(Change)),
            ("Bar", Some(Paid(Cash))),
            ("TOTAL TTC", Some(GrandTotal)),
            ("Rendu monnaie", Some(Change)),
            ("Base imponible", Some(Subtotal)),
            ("Efectivo", Some(Paid(Cash))),
            ("di cui IVA", Some(Tax)),
            ("Resto", Some(Change)),
            ("Te betalen", Some(GrandTotal)),
            ("Korting 10%", Some(Discount)),
            ("VALOR A PAGAR R$", Some(GrandTotal)),
            ("Cartão de crédito", Some(Paid(Card))),
            ("お預り", Some(Paid(Cash))),
            ("お釣り", Some(Change)),
            ("小計", Some(Subtotal)),
            ("消費税等(10%)", Some(Tax)),
            ("Choc bar", None),
            ("Plat à la carte", None),
            ("Resto du coin", None),
        ] {
            assert_eq!(kind_of(label), kind, "{label}");
        }
    }
}
