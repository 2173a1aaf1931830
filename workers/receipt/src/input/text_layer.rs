//! A page's text layer, and whether it can be trusted.
//!
//! A layer may be a stamp on a scan, the header alone, glyph numbers instead of letters, turned, or the output of poor
//! OCR. It is trusted at once where words that are typical of receipts cover the page's ink. Otherwise the picture is
//! read too, and the two are compared.

use std::{collections::HashSet, sync::LazyLock};

use image::GrayImage;
use medley_text::script::{is_han, is_hangul, is_kana};
use medley_vision::text::{Point, Quad, TextPage};
use regex::Regex;

use super::ink::Ink;
use crate::{
    date,
    lexicon::{self, mentions, squeeze},
};

/// The fewest letters and digits of a text layer; less is a page number on a scan.
const MIN_LETTERS: usize = 20;
/// The largest gap between words of one cell, in heights of a word.
const MAX_CELL_GAP: f32 = 1.2;
/// The share of the ink that words must cover, and of the words that must show ink.
const MIN_COVERED: f64 = 0.9;
/// The share of the text read from the picture that the layer must hold: of its groups of three letters, and of its
/// numbers.
const MIN_SAME_TEXT: f64 = 0.75;
const MIN_SAME_NUMBERS: f64 = 0.85;

/// Glyphs extend this far beyond the boxes of their words.
const EDGE_PX: f32 = 2.0;

/// Words at their places on the visible page.
#[derive(Debug, Default)]
pub(crate) struct TextLayer {
    /// Width and height in points.
    pub(crate) size: (f32, f32),
    words: Vec<Word>,
}

#[derive(Debug)]
struct Word {
    text: String,
    /// Left, top, right, bottom in points.
    bounds: [f32; 4],
    /// Whether it begins a line.
    starts_line: bool,
}

/// The judgement of a text layer against the page's ink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The text layer is used.
    Trusted,
    /// There is no text layer, or hardly any text in it.
    Missing,
    /// The picture decides; with the reason.
    Doubted(&'static str),
    /// The picture is read in any case; with the reason.
    Refused(&'static str),
    /// The page is mirrored, so its picture is flipped and read.
    Mirrored,
}

fn fixed(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is fixed")
}

static PAGE: LazyLock<Regex> = LazyLock::new(|| fixed(r#"<page width="([\d.]+)" height="([\d.]+)""#));
static WORD_OR_LINE: LazyLock<Regex> = LazyLock::new(|| {
    fixed(r#"<line |<word xMin="([-\d.]+)" yMin="([-\d.]+)" xMax="([-\d.]+)" yMax="([-\d.]+)">([^<]*)</word>"#)
});

impl TextLayer {
    /// Parses the output of `pdftotext -bbox-layout`.
    pub(crate) fn of(layout: &str) -> Self {
        let size = PAGE.captures(layout).and_then(|found| Some((found[1].parse().ok()?, found[2].parse().ok()?)));
        let mut layer = Self { size: size.unwrap_or((595.0, 842.0)), words: Vec::new() };
        let mut starts_line = true;
        for captures in WORD_OR_LINE.captures_iter(layout) {
            let Some(word) = captures.get(5) else {
                starts_line = true;
                continue;
            };
            let bounds = [1, 2, 3, 4].map(|i| captures[i].parse::<f32>().unwrap_or_default());
            layer.words.push(Word { text: unescaped(word.as_str()), bounds, starts_line });
            starts_line = false;
        }
        layer
    }

    /// Judges the layer. `ink` is a small grey picture of the visible page; `is_scan` means that a picture fills the page.
    pub(crate) fn judge(&mut self, ink: &GrayImage, is_scan: bool) -> Verdict {
        // pdftotext gives the page's size before rotation and the words' places after it.
        if (ink.width() > ink.height()) != (self.size.0 > self.size.1) {
            self.size = (self.size.1, self.size.0);
        }
        if self.text().chars().filter(|c| c.is_alphanumeric()).count() < MIN_LETTERS {
            return Verdict::Missing;
        }
        if self.is_mirrored() {
            return Verdict::Mirrored;
        }
        if self.is_turned() {
            return Verdict::Refused("is turned");
        }
        if is_scan {
            return Verdict::Doubted("lies on a scan");
        }
        if !self.is_plausible() {
            return Verdict::Doubted("does not hold words");
        }
        let (covered, inked) = self.against_ink(ink);
        if covered < MIN_COVERED {
            return Verdict::Doubted("leaves print uncovered");
        }
        if inked < MIN_COVERED {
            return Verdict::Doubted("has words where nothing is printed");
        }
        if self.is_familiar() { Verdict::Trusted } else { Verdict::Doubted("has no words that are known") }
    }

    /// Whether the layer is as good as the text that was read from the picture.
    pub(crate) fn agrees_with(&self, read: &TextPage, doubt: &'static str) -> bool {
        let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).count();
        let seen: usize = read.lines.iter().map(|line| letters(&line.text)).sum();
        if read.turn_deg != 0 {
            return false;
        }
        // The picture is unreadable: white on white, or handwriting.
        if seen * 4 < letters(&self.text()) {
            return self.is_plausible();
        }
        // The layer of a scan is the output of unknown OCR; ours states its confidence.
        if doubt == "lies on a scan" {
            return false;
        }
        let own = self.page(1.0);
        let grams = |page: &TextPage| -> HashSet<Vec<char>> {
            let lines = page.lines.iter().flat_map(|line| {
                let letters = squeeze(&line.text);
                letters.windows(3).map(<[char]>::to_vec).collect::<Vec<_>>()
            });
            lines.collect()
        };
        share_of(&grams(read), &grams(&own)) >= MIN_SAME_TEXT
            && share_of(&numbers(read), &numbers(&own)) >= MIN_SAME_NUMBERS
    }

    /// The words as cells in reading order; `scale` is pixels per point.
    pub(crate) fn page(&self, scale: f32) -> TextPage {
        let mut cells: Vec<(String, [f32; 4])> = Vec::new();
        for word in &self.words {
            let [left, top, right, bottom] = word.bounds.map(|point| point * scale);
            match cells.last_mut() {
                Some((text, bounds)) if !word.starts_line && left - bounds[2] < MAX_CELL_GAP * (bottom - top) => {
                    // Ideographs have no spaces between them.
                    if left - bounds[2] > 0.1 * (bottom - top) {
                        text.push(' ');
                    }
                    text.push_str(&word.text);
                    *bounds = [bounds[0].min(left), bounds[1].min(top), bounds[2].max(right), bounds[3].max(bottom)];
                }
                _ => cells.push((word.text.clone(), [left, top, right, bottom])),
            }
        }
        let lines = cells
            .into_iter()
            .filter(|(text, _)| !text.trim().is_empty())
            .map(|(text, [l, t, r, b])| (text, Quad([[l, t], [r, t], [r, b], [l, b]].map(Point::from))));
        TextPage::of_lines(self.size.0 * scale, self.size.1 * scale, lines.collect())
    }

    fn text(&self) -> String {
        self.words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ")
    }

    /// Whether lines hold known words when read backwards, and none when read forwards.
    fn is_mirrored(&self) -> bool {
        let mut lines: Vec<String> = Vec::new();
        for word in &self.words {
            match lines.last_mut() {
                Some(line) if !word.starts_line => line.push_str(&word.text),
                _ => lines.push(word.text.clone()),
            }
        }
        let known = |line: &str| mentions(line, &["INVOICE", "RECEIPT", "TOTAL", "SUBTOTAL", "ADDRESS", "NUMBER"]);
        let backwards = lines.iter().filter(|line| known(&line.chars().rev().collect::<String>())).count();
        backwards > 1 && !lines.iter().any(|line| known(line))
    }

    /// Whether words stand on their side, or lines run from right to left.
    fn is_turned(&self) -> bool {
        let long = self.words.iter().filter(|word| word.text.chars().count() >= 3 && !has_ideographs(&word.text));
        let upright: Vec<bool> =
            long.map(|Word { bounds: [left, top, right, bottom], .. }| right - left > bottom - top).collect();
        let aside = upright.iter().filter(|upright| !**upright).count();
        let pairs = self.words.windows(2).filter(|pair| !pair[1].starts_line);
        let backwards: Vec<bool> = pairs.map(|pair| pair[1].bounds[0] < pair[0].bounds[0]).collect();
        let count = backwards.iter().filter(|backwards| **backwards).count();
        aside * 2 > upright.len() || count * 2 > backwards.len() && count > 1
    }

    /// Whether the letters make words, rather than glyph numbers or the output of poor OCR.
    fn is_plausible(&self) -> bool {
        let text = self.text();
        let (mut all, mut odd, mut symbols) = (0, 0, 0);
        for c in text.chars().filter(|c| !c.is_whitespace()) {
            all += 1;
            odd += usize::from(matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{fffd}' | '\u{f0000}'..) || c.is_control());
            symbols += usize::from(!c.is_alphanumeric() && !".,:;-/()#%$€£¥&'*_@+=|\"".contains(c));
        }
        if odd * 20 > all || symbols * 4 > all {
            return false;
        }
        let long = self.words.iter().filter(|word| {
            let letters = word.text.chars().filter(|c| c.is_alphabetic()).count();
            letters >= 4 && !has_ideographs(&word.text)
        });
        let plausible: Vec<bool> = long.map(|word| is_plausible(&word.text)).collect();
        let words = plausible.iter().filter(|plausible| **plausible).count();
        // Single letters come from mirrored or spaced text.
        let single = self.words.iter().filter(|word| word.text.chars().count() == 1 && !has_ideographs(&word.text));
        words * 10 >= plausible.len() * 7 && single.count() * 2 < self.words.len().max(20)
    }

    /// Whether there are words of receipts or invoices, with amounts or a date. Other pages are read from the picture too.
    fn is_familiar(&self) -> bool {
        let page = self.page(1.0);
        let known = page.lines.iter().filter(|line| {
            lexicon::kind_of(&line.text).is_some()
                || mentions(&line.text, &["INVOICE", "RECEIPT", "DATE", "发票", "日期"])
        });
        let dated = page.lines.iter().any(|line| !date::dates(&line.text, date::DateOrder::Auto).is_empty());
        known.count() > 1 && (dated || !numbers(&page).is_empty())
    }

    /// The share of the ink that words cover, and of the words that show ink.
    fn against_ink(&self, page: &GrayImage) -> (f64, f64) {
        let ink = Ink::of(page);
        let scale = page.width() as f32 / self.size.0.max(1.0);
        let mut covered = vec![false; ink.marks.len()];
        let mut inked = 0;
        for word in &self.words {
            let [left, top, right, bottom] = word.bounds.map(|point| point * scale);
            let columns = ink.columns(left - EDGE_PX, right + EDGE_PX);
            let mut has_ink = false;
            for y in ink.rows(top - EDGE_PX, bottom + EDGE_PX) {
                for x in columns.clone() {
                    let at = y * ink.width + x;
                    covered[at] = true;
                    has_ink |= ink.marks[at] || ink.long[at];
                }
            }
            inked += usize::from(has_ink);
        }
        let all = ink.marks.iter().filter(|mark| **mark).count();
        let under = ink.marks.iter().zip(&covered).filter(|(mark, covered)| **mark && **covered).count();
        let share = |part: usize, whole: usize| if whole == 0 { 1.0 } else { part as f64 / whole as f64 };
        (share(under, all), share(inked, self.words.len()))
    }
}

/// A layer that is used only if the picture confirms it.
#[derive(Debug)]
pub(crate) struct Doubted {
    pub(super) layer: TextLayer,
    /// Pixels per point.
    pub(super) scale: f32,
    pub(super) doubt: &'static str,
}

impl Doubted {
    /// The layer's text if it is as good as the text read from the picture, else the reason not to use it.
    pub(crate) fn against(&self, read: &TextPage) -> Result<TextPage, &'static str> {
        if self.layer.agrees_with(read, self.doubt) { Ok(self.layer.page(self.scale)) } else { Err(self.doubt) }
    }
}

/// Whether a word is written like a natural language: with a vowel, in one case or with an initial capital.
fn is_plausible(word: &str) -> bool {
    let letters: Vec<char> = word.chars().filter(|c| c.is_alphabetic()).collect();
    let folded = lexicon::fold(word);
    let is_latin = folded.chars().any(|c| c.is_ascii_uppercase());
    let vowel = !is_latin || folded.chars().any(|c| "AEIOUY".contains(c));
    let inner = word.trim_matches(|c: char| !c.is_alphanumeric());
    let symbols = inner.chars().filter(|c| !c.is_alphanumeric() && !"-/&'’.,:@_()+#%*".contains(*c)).count();
    let changes = letters.windows(2).filter(|pair| pair[0].is_lowercase() && pair[1].is_uppercase()).count();
    vowel && symbols == 0 && changes * 4 <= letters.len()
}

/// Whether a word is of a script whose letters stand alone, are written downwards, or have no vowels to judge by.
fn has_ideographs(text: &str) -> bool {
    text.chars().any(|c| is_han(c) || is_kana(c) || is_hangul(c))
}

/// The digits of every number with three or more.
fn numbers(page: &TextPage) -> HashSet<String> {
    let words = page.lines.iter().flat_map(|line| line.text.split(char::is_whitespace));
    let digits = words.map(|word| word.chars().filter(char::is_ascii_digit).collect::<String>());
    digits.filter(|digits| digits.len() >= 3).collect()
}

fn share_of<T: std::hash::Hash + Eq>(part: &HashSet<T>, whole: &HashSet<T>) -> f64 {
    if part.is_empty() { 1.0 } else { part.intersection(whole).count() as f64 / part.len() as f64 }
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use image::Luma;

    use super::*;

    /// A layer of lines at `(left, top)`, 6 points a letter, 10 high.
    fn layout(lines: &[(u32, u32, &str)]) -> String {
        let lines = lines.iter().map(|(left, top, line)| {
            let mut x = *left;
            let words = line.split(' ').map(|word| {
                let (from, to) = (x, x + 6 * word.chars().count() as u32);
                x = to + 4;
                format!(r#"<word xMin="{from}" yMin="{top}" xMax="{to}" yMax="{}">{word}</word>"#, top + 10)
            });
            format!("<line >{}</line>", words.collect::<String>())
        });
        format!(r#"<page width="200.0" height="400.0">{}</page>"#, lines.collect::<String>())
    }

    const INVOICE: &[(u32, u32, &str)] = &[
        (10, 10, "Grey Heron Supplies"),
        (10, 30, "Invoice No 4471"),
        (10, 50, "Date 2024-03-05"),
        (10, 70, "Total"),
        (150, 70, "512.00"),
    ];

    /// The page that shows these lines, a dot to the point.
    fn ink(lines: &[(u32, u32, &str)]) -> GrayImage {
        let mut page = GrayImage::from_pixel(200, 400, Luma([255]));
        for (left, top, line) in lines {
            for (index, c) in line.chars().enumerate().filter(|(_, c)| *c != ' ') {
                let x = left + 6 * index as u32;
                (0..6).for_each(|dy| page.put_pixel(x + u32::from(c) % 3, top + 2 + dy, Luma([0])));
            }
        }
        page
    }

    fn judged(layer: &[(u32, u32, &str)], page: &GrayImage, is_scan: bool) -> Verdict {
        TextLayer::of(&layout(layer)).judge(page, is_scan)
    }

    #[test]
    fn words_become_cells_and_cells_rows() {
        let layout = r#"<page width="200.0" height="400.0"><flow><block><line xMin="10">
            <word xMin="10" yMin="10" xMax="50" yMax="20">Grand</word><word xMin="53" yMin="10" xMax="80" yMax="20">Total</word>
            <word xMin="150" yMin="10" xMax="180" yMax="20">12.50</word></line></block>
            <block><line xMin="10"><word xMin="10" yMin="30" xMax="60" yMax="40">A&amp;B</word></line></block></flow></page>"#;
        let page = TextLayer::of(layout).page(2.0);
        let rows: Vec<_> = page.lines.iter().map(|line| (line.row, line.text.as_str())).collect();
        assert_eq!(rows, [(0, "Grand Total"), (0, "12.50"), (1, "A&B")]);
        assert_eq!((page.width, page.height), (400.0, 800.0));
    }

    #[test]
    fn a_layer_that_covers_the_print_with_words_is_believed() {
        assert_eq!(judged(INVOICE, &ink(INVOICE), false), Verdict::Trusted);
        // Rules and a dark band are no print that words have to cover.
        let mut page = ink(INVOICE);
        (0..200).for_each(|x| (90..130).for_each(|y| page.put_pixel(x, y, Luma([40]))));
        assert_eq!(judged(INVOICE, &page, false), Verdict::Trusted);
    }

    #[test]
    fn a_stamp_a_header_and_hidden_words_are_not() {
        let stamp: &[(u32, u32, &str)] = &[(10, 300, "Scanned with a pocket scanner")];
        let all = [INVOICE, stamp].concat();
        assert!(matches!(judged(stamp, &ink(&all), false), Verdict::Doubted(_)));
        assert!(matches!(judged(&INVOICE[..2], &ink(INVOICE), false), Verdict::Doubted(_)));
        assert!(matches!(judged(&all, &ink(INVOICE), false), Verdict::Doubted(_)));
        assert_eq!(judged(INVOICE, &ink(INVOICE), true), Verdict::Doubted("lies on a scan"));
        assert_eq!(judged(&[(10, 300, "2")], &ink(INVOICE), false), Verdict::Missing);
    }

    #[test]
    fn glyph_numbers_and_junk_are_not_words() {
        for junk in [
            "\u{e012}\u{e013}\u{e014}\u{e015}\u{e016}",
            "*UH\\ +HURQ 6XSSOLHV",
            "tqrs xzvb wkrt pqrs",
            "G r e y H e r o n",
        ] {
            let lines: Vec<(u32, u32, &str)> = (0..6).map(|row| (10, 10 + 20 * row, junk)).collect();
            let verdict = judged(&lines, &ink(&lines), false);
            assert_ne!(verdict, Verdict::Trusted, "{junk}");
        }
    }

    #[test]
    fn turned_words_are_refused_and_the_page_has_its_size_as_seen() {
        let turned = layout(INVOICE);
        let turned = WORD_OR_LINE.replace_all(&turned, |found: &regex::Captures<'_>| match found.get(5) {
            None => "<line ".to_owned(),
            Some(word) => format!(
                r#"<word xMin="{}" yMin="{}" xMax="{}" yMax="{}">{}</word>"#,
                &found[2],
                &found[1],
                &found[4],
                &found[3],
                word.as_str()
            ),
        });
        let mut layer = TextLayer::of(&turned);
        assert_eq!(layer.judge(&GrayImage::from_pixel(400, 200, Luma([255])), false), Verdict::Refused("is turned"));
        assert_eq!(layer.size, (400.0, 200.0));
    }

    #[test]
    fn a_mirrored_page_is_told_by_words_that_run_backwards() {
        let mirrored = [(10, 10, "2244 E C I O V N I"), (10, 30, "L A T O T"), (10, 50, "secivreS lareneG")];
        assert_eq!(judged(&mirrored, &ink(&mirrored), false), Verdict::Mirrored);
    }

    #[test]
    fn the_picture_decides_what_is_doubted() {
        let layer = TextLayer::of(&layout(INVOICE));
        let doubt = "leaves print uncovered";
        let mut read = layer.page(2.0);
        assert!(layer.agrees_with(&read, doubt));
        assert!(!layer.agrees_with(&read, "lies on a scan"));
        read.lines.iter_mut().for_each(|line| line.text = line.text.replace('5', "6"));
        assert!(!layer.agrees_with(&read, doubt), "other digits");
        let header = TextLayer::of(&layout(&INVOICE[..2]));
        assert!(!header.agrees_with(&layer.page(2.0), doubt), "the header alone");
        assert!(layer.agrees_with(&TextPage::default(), doubt), "nothing could be read");
    }
}
