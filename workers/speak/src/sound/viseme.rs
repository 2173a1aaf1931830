//! Mouth shapes of phonemes, in the manner of MPEG-4 FBA (ISO/IEC 14496-2, table C-1).

use medley_proto::Viseme;

/// The shapes of a symbol of an English voice (misaki's letters or IPA) with each one's share of its time; empty for
/// stress, length and other signs without a sound of their own. Diphthongs have two.
pub(crate) fn of_english(symbol: char) -> &'static [(&'static str, Viseme, f32)] {
    use Viseme as V;
    match symbol {
        'p' => &[("p", V::Pp, 1.0)],
        'b' => &[("b", V::Pp, 1.0)],
        'm' => &[("m", V::Pp, 1.0)],
        'f' => &[("f", V::Ff, 1.0)],
        'v' => &[("v", V::Ff, 1.0)],
        'θ' => &[("θ", V::Th, 1.0)],
        'ð' => &[("ð", V::Th, 1.0)],
        't' => &[("t", V::Dd, 1.0)],
        'd' => &[("d", V::Dd, 1.0)],
        'l' => &[("l", V::Dd, 1.0)],
        'T' | 'ɾ' => &[("ɾ", V::Dd, 1.0)],
        'k' => &[("k", V::Kk, 1.0)],
        'ɡ' | 'g' => &[("ɡ", V::Kk, 1.0)],
        'ŋ' => &[("ŋ", V::Kk, 1.0)],
        'h' => &[("h", V::Kk, 1.0)],
        'x' => &[("x", V::Kk, 1.0)],
        'ʔ' => &[("ʔ", V::Kk, 1.0)],
        'ʧ' => &[("tʃ", V::Ch, 1.0)],
        'ʤ' => &[("dʒ", V::Ch, 1.0)],
        'ʃ' => &[("ʃ", V::Ch, 1.0)],
        'ʒ' => &[("ʒ", V::Ch, 1.0)],
        's' => &[("s", V::Ss, 1.0)],
        'z' => &[("z", V::Ss, 1.0)],
        'n' => &[("n", V::Nn, 1.0)],
        'ɹ' | 'r' => &[("ɹ", V::Rr, 1.0)],
        'ɚ' => &[("ɚ", V::Rr, 1.0)],
        'w' => &[("w", V::Ou, 1.0)],
        'j' => &[("j", V::Ih, 1.0)],
        'ɑ' => &[("ɑ", V::Aa, 1.0)],
        'a' => &[("a", V::Aa, 1.0)],
        'æ' => &[("æ", V::Aa, 1.0)],
        'ʌ' => &[("ʌ", V::Aa, 1.0)],
        'ɐ' => &[("ɐ", V::Aa, 1.0)],
        'ə' | 'ᵊ' => &[("ə", V::E, 1.0)],
        'ɜ' => &[("ɜ", V::E, 1.0)],
        'ɛ' => &[("ɛ", V::E, 1.0)],
        'e' => &[("e", V::E, 1.0)],
        'i' => &[("i", V::Ih, 1.0)],
        'ɪ' | 'ᵻ' => &[("ɪ", V::Ih, 1.0)],
        'ɔ' => &[("ɔ", V::Oh, 1.0)],
        'o' => &[("o", V::Oh, 1.0)],
        'ɒ' => &[("ɒ", V::Oh, 1.0)],
        'u' => &[("u", V::Ou, 1.0)],
        'ʊ' => &[("ʊ", V::Ou, 1.0)],
        'A' => &[("e", V::E, 0.6), ("ɪ", V::Ih, 0.4)],
        'I' => &[("a", V::Aa, 0.6), ("ɪ", V::Ih, 0.4)],
        'W' => &[("a", V::Aa, 0.6), ("ʊ", V::Ou, 0.4)],
        'Y' => &[("ɔ", V::Oh, 0.6), ("ɪ", V::Ih, 0.4)],
        'O' => &[("o", V::Oh, 0.6), ("ʊ", V::Ou, 0.4)],
        _ => &[],
    }
}

/// The shapes of an initial or a final of Mandarin (with or without its tone), with each one's share of its time.
pub(crate) fn of_chinese(symbol: &str) -> &'static [(Viseme, f32)] {
    use Viseme as V;
    match symbol.trim_end_matches(|c: char| c.is_ascii_digit()) {
        "b" | "p" | "m" => &[(V::Pp, 1.0)],
        "f" => &[(V::Ff, 1.0)],
        "d" | "t" | "l" => &[(V::Dd, 1.0)],
        "n" => &[(V::Nn, 1.0)],
        "g" | "k" | "h" => &[(V::Kk, 1.0)],
        "j" | "q" | "x" | "zh" | "ch" | "sh" => &[(V::Ch, 1.0)],
        "r" => &[(V::Rr, 1.0)],
        "z" | "c" | "s" | "ii" => &[(V::Ss, 1.0)],
        "iii" => &[(V::Ih, 1.0)],
        "a" => &[(V::Aa, 1.0)],
        "ai" => &[(V::Aa, 0.6), (V::Ih, 0.4)],
        "an" => &[(V::Aa, 0.65), (V::Nn, 0.35)],
        "ang" => &[(V::Aa, 0.65), (V::Kk, 0.35)],
        "ao" => &[(V::Aa, 0.6), (V::Oh, 0.4)],
        "e" => &[(V::E, 1.0)],
        "ei" => &[(V::E, 0.6), (V::Ih, 0.4)],
        "en" => &[(V::E, 0.65), (V::Nn, 0.35)],
        "eng" => &[(V::E, 0.65), (V::Kk, 0.35)],
        "er" => &[(V::E, 0.5), (V::Rr, 0.5)],
        "i" => &[(V::Ih, 1.0)],
        "ia" => &[(V::Ih, 0.3), (V::Aa, 0.7)],
        "ian" => &[(V::Ih, 0.3), (V::E, 0.4), (V::Nn, 0.3)],
        "iang" => &[(V::Ih, 0.25), (V::Aa, 0.45), (V::Kk, 0.3)],
        "iao" => &[(V::Ih, 0.25), (V::Aa, 0.4), (V::Oh, 0.35)],
        "ie" => &[(V::Ih, 0.3), (V::E, 0.7)],
        "in" => &[(V::Ih, 0.65), (V::Nn, 0.35)],
        "ing" => &[(V::Ih, 0.65), (V::Kk, 0.35)],
        "iong" => &[(V::Ou, 0.65), (V::Kk, 0.35)],
        "iou" => &[(V::Ih, 0.3), (V::Oh, 0.35), (V::Ou, 0.35)],
        "o" => &[(V::Oh, 1.0)],
        "ong" => &[(V::Oh, 0.65), (V::Kk, 0.35)],
        "ou" => &[(V::Oh, 0.55), (V::Ou, 0.45)],
        "u" | "v" => &[(V::Ou, 1.0)],
        "ua" => &[(V::Ou, 0.3), (V::Aa, 0.7)],
        "uai" => &[(V::Ou, 0.25), (V::Aa, 0.4), (V::Ih, 0.35)],
        "uan" | "van" => &[(V::Ou, 0.3), (V::Aa, 0.4), (V::Nn, 0.3)],
        "uang" => &[(V::Ou, 0.25), (V::Aa, 0.45), (V::Kk, 0.3)],
        "uei" => &[(V::Ou, 0.3), (V::E, 0.35), (V::Ih, 0.35)],
        "uen" | "ueng" => &[(V::Ou, 0.3), (V::E, 0.4), (V::Nn, 0.3)],
        "uo" => &[(V::Ou, 0.35), (V::Oh, 0.65)],
        "ve" => &[(V::Ou, 0.4), (V::E, 0.6)],
        "vn" => &[(V::Ou, 0.65), (V::Nn, 0.35)],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lips_close_for_p_b_m_in_both_languages() {
        for c in ['p', 'b', 'm'] {
            assert!(of_english(c).iter().all(|(_, viseme, _)| *viseme == Viseme::Pp));
            assert!(of_chinese(&c.to_string()).iter().all(|(viseme, _)| *viseme == Viseme::Pp));
        }
    }

    #[test]
    fn shares_add_up() {
        let finals = ["ai", "ian", "iang", "iao", "iou", "uai", "uang", "uei", "uen", "van", "ve", "vn", "er5", "ong4"];
        for symbol in finals {
            let sum: f32 = of_chinese(symbol).iter().map(|(_, share)| share).sum();
            assert!((sum - 1.0).abs() < 1e-6, "{symbol}: {sum}");
        }
        for symbol in "AIWYOptkæ".chars() {
            let sum: f32 = of_english(symbol).iter().map(|(_, _, share)| share).sum();
            assert!((sum - 1.0).abs() < 1e-6, "{symbol}: {sum}");
        }
    }
}
