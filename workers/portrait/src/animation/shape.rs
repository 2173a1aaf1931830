use medley_proto::Viseme;

/// The target shape of the mouth for a sound. Finer than the 15 visemes of `timing.json`, because the warp distinguishes /æ/
/// from /ɑ/; where only the viseme is known, it stands for its most common sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Sil,
    PP,
    FF,
    TH,
    DD,
    KK,
    SS,
    SH,
    RR,
    LL,
    WW,
    AA,
    AE,
    AH,
    EH,
    IY,
    IH,
    ER,
    AO,
    OW,
    UW,
    AX,
    HH,
    /// ü: spread tongue behind round lips.
    UE,
}

/// The eight parameters of articulation, in the order of [`Target::aims`].
pub(crate) const AIMS: usize = 8;
pub(crate) const JAW: usize = 0;
pub(crate) const UPPER: usize = 3;
pub(crate) const LOWER: usize = 4;
pub(crate) const PRESS: usize = 5;
pub(crate) const TUCK: usize = 6;
pub(crate) const TONGUE: usize = 7;

/// Where the articulators go and how strongly (Cohen and Massaro 1993: dominance `strength · exp(-(t / reach)^1.2)`).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    /// Jaw, wide, round, upper lip, lower lip, press, tuck, tongue.
    pub(crate) aims: [f64; AIMS],
    pub(crate) strength: f64,
    pub(crate) before_s: f64,
    pub(crate) after_s: f64,
}

/// Of the reach of dominance that was first tuned by eye: a longer reach blurs one sound into the next.
const CRISP: f64 = 0.6;

impl Shape {
    pub(crate) fn target(self) -> Target {
        //                  jaw   wide  round upper lower press tuck  tongue  strength before after
        let [j, w, r, u, d, p, f, t, strength, before_s, after_s] = match self {
            Self::Sil => [0.00, 0.00, 0.00, 0.00, 0.00, 0.0, 0.0, 0.0, 0.90, 0.100, 0.120],
            Self::PP => [0.00, 0.00, 0.00, 0.00, 0.00, 1.0, 0.0, 0.0, 1.00, 0.055, 0.055],
            Self::FF => [0.08, 0.00, 0.00, 0.30, 0.00, 0.0, 1.0, 0.0, 0.90, 0.060, 0.060],
            Self::TH => [0.22, 0.00, 0.00, 0.00, 0.06, 0.0, 0.0, 1.2, 0.60, 0.060, 0.060],
            Self::DD => [0.18, 0.10, 0.00, 0.00, 0.05, 0.0, 0.0, 0.4, 0.45, 0.060, 0.060],
            Self::KK => [0.26, 0.00, 0.00, 0.00, 0.00, 0.0, 0.0, 0.0, 0.35, 0.060, 0.060],
            Self::SS => [0.10, 0.30, 0.00, 0.05, 0.10, 0.0, 0.0, 0.0, 0.70, 0.060, 0.060],
            Self::SH => [0.10, 0.00, 0.55, 0.10, 0.10, 0.0, 0.0, 0.0, 0.80, 0.070, 0.070],
            Self::RR => [0.16, 0.00, 0.40, 0.00, 0.00, 0.0, 0.0, 0.0, 0.60, 0.080, 0.080],
            Self::LL => [0.24, 0.00, 0.00, 0.00, 0.00, 0.0, 0.0, 0.7, 0.50, 0.060, 0.060],
            Self::WW => [0.06, 0.00, 0.95, 0.00, 0.00, 0.0, 0.0, 0.0, 1.00, 0.080, 0.070],
            Self::AA => [1.00, 0.00, 0.00, 0.00, 0.10, 0.0, 0.0, 0.0, 1.00, 0.080, 0.090],
            Self::AE => [0.85, 0.35, 0.00, 0.05, 0.10, 0.0, 0.0, 0.0, 1.00, 0.080, 0.090],
            Self::AH => [0.68, 0.00, 0.00, 0.00, 0.06, 0.0, 0.0, 0.0, 0.90, 0.080, 0.080],
            Self::EH => [0.60, 0.35, 0.00, 0.05, 0.10, 0.0, 0.0, 0.0, 0.90, 0.080, 0.080],
            Self::IY => [0.20, 0.75, 0.00, 0.08, 0.12, 0.0, 0.0, 0.0, 0.90, 0.080, 0.080],
            Self::IH => [0.34, 0.40, 0.00, 0.00, 0.06, 0.0, 0.0, 0.0, 0.80, 0.070, 0.070],
            Self::ER => [0.36, 0.00, 0.30, 0.00, 0.00, 0.0, 0.0, 0.0, 0.80, 0.080, 0.080],
            Self::AO => [0.70, 0.00, 0.45, 0.00, 0.00, 0.0, 0.0, 0.0, 1.00, 0.090, 0.090],
            Self::OW => [0.42, 0.00, 0.75, 0.00, 0.00, 0.0, 0.0, 0.0, 1.00, 0.090, 0.090],
            Self::UW => [0.14, 0.00, 1.00, 0.00, 0.00, 0.0, 0.0, 0.0, 1.00, 0.090, 0.090],
            Self::AX => [0.38, 0.00, 0.00, 0.00, 0.00, 0.0, 0.0, 0.0, 0.50, 0.060, 0.060],
            Self::HH => [0.35, 0.00, 0.00, 0.00, 0.00, 0.0, 0.0, 0.0, 0.15, 0.050, 0.050],
            Self::UE => [0.10, 0.00, 0.95, 0.00, 0.00, 0.0, 0.0, 0.0, 1.00, 0.090, 0.090],
        };
        Target { aims: [j, w, r, u, d, p, f, t], strength, before_s: CRISP * before_s, after_s: CRISP * after_s }
    }

    pub(crate) fn is_vowel(self) -> bool {
        use Shape::{AA, AE, AH, AO, AX, EH, ER, IH, IY, OW, UE, UW};
        matches!(self, AA | AE | AH | AO | AX | EH | ER | IH | IY | OW | UE | UW)
    }

    fn of_viseme(viseme: Viseme) -> Self {
        match viseme {
            Viseme::Sil => Self::Sil,
            Viseme::Pp => Self::PP,
            Viseme::Ff => Self::FF,
            Viseme::Th => Self::TH,
            Viseme::Dd => Self::DD,
            Viseme::Nn => Self::DD,
            Viseme::Kk => Self::KK,
            Viseme::Ch => Self::SH,
            Viseme::Ss => Self::SS,
            Viseme::Rr => Self::RR,
            Viseme::Aa => Self::AA,
            Viseme::E => Self::EH,
            Viseme::Ih => Self::IH,
            Viseme::Oh => Self::AO,
            Viseme::Ou => Self::UW,
        }
    }

    /// One or two shapes for a sound of `timing.json` (a diphthong goes from one to the other at 55 % of its time).
    /// Chinese phonemes are written in pinyin and come one viseme at a time.
    pub(crate) fn of_phoneme(phoneme: &str, viseme: Viseme, chinese: bool) -> (Self, Option<Self>) {
        let known = if chinese { None } else { ipa(&bare(phoneme)) };
        known.unwrap_or((Self::of_viseme(viseme), None))
    }
}

/// Without stress, length at the ends, tone digits and tie bars.
fn bare(phoneme: &str) -> String {
    let kept = phoneme.chars().filter(|c| !matches!(c, 'ˈ' | 'ˌ' | '_' | ':' | ';' | ' ' | '͡' | '̩' | '0'..='9'));
    kept.collect::<String>().to_lowercase()
}

type Aim = (&'static str, Shape, Option<Shape>);

/// Longest first where one begins with another.
const IPA: &[Aim] = {
    use Shape::{AA, AE, AH, AO, AX, DD, EH, ER, FF, HH, IH, IY, KK, LL, OW, PP, RR, SH, SS, TH, UE, UW, WW};
    &[
        ("ɔːɹ", AO, Some(RR)),
        ("oːɹ", AO, Some(RR)),
        ("ɑːɹ", AA, Some(RR)),
        ("aɪə", AA, Some(AX)),
        ("tʃ", SH, None),
        ("dʒ", SH, None),
        ("aɪ", AA, Some(IH)),
        ("aʊ", AA, Some(UW)),
        ("eɪ", EH, Some(IY)),
        ("oʊ", OW, Some(UW)),
        ("ɔɪ", AO, Some(IH)),
        ("əʊ", AX, Some(UW)),
        ("iə", IY, Some(AX)),
        ("ɪɹ", IH, Some(RR)),
        ("ɛɹ", EH, Some(RR)),
        ("ʊɹ", UW, Some(RR)),
        ("əl", AX, Some(LL)),
        ("p", PP, None),
        ("b", PP, None),
        ("m", PP, None),
        ("f", FF, None),
        ("v", FF, None),
        ("θ", TH, None),
        ("ð", TH, None),
        ("t", DD, None),
        ("d", DD, None),
        ("n", DD, None),
        ("ɾ", DD, None),
        ("ʔ", KK, None),
        ("k", KK, None),
        ("ɡ", KK, None),
        ("g", KK, None),
        ("ŋ", KK, None),
        ("x", KK, None),
        ("s", SS, None),
        ("z", SS, None),
        ("ʃ", SH, None),
        ("ʒ", SH, None),
        ("ɹ", RR, None),
        ("r", RR, None),
        ("l", LL, None),
        ("ɫ", LL, None),
        ("w", WW, None),
        ("j", IY, None),
        ("h", HH, None),
        ("ɑ", AA, None),
        ("a", AA, None),
        ("ɐ", AH, None),
        ("æ", AE, None),
        ("ʌ", AH, None),
        ("ɛ", EH, None),
        ("e", EH, None),
        ("i", IY, None),
        ("ɪ", IH, None),
        ("ᵻ", IH, None),
        ("ɨ", IH, None),
        ("y", UE, None),
        ("ɚ", ER, None),
        ("ɝ", ER, None),
        ("ɜ", ER, None),
        ("ə", AX, None),
        ("ɔ", AO, None),
        ("ɒ", AO, None),
        ("o", OW, None),
        ("ʊ", UW, None),
        ("u", UW, None),
    ]
};

fn ipa(sound: &str) -> Option<(Shape, Option<Shape>)> {
    IPA.iter().find(|(start, ..)| sound.starts_with(start)).map(|&(_, first, second)| (first, second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sounds_of_both_languages_find_their_shapes() {
        for (sound, chinese, shape) in [
            ("ˈɑː", false, (Shape::AA, None)),
            ("tʃ", false, (Shape::SH, None)),
            ("m", false, (Shape::PP, None)),
            ("oʊ", false, (Shape::OW, Some(Shape::UW))),
        ] {
            assert_eq!(Shape::of_phoneme(sound, Viseme::Sil, chinese), shape, "{sound}");
        }
        assert_eq!(Shape::of_phoneme("b", Viseme::Pp, true), (Shape::PP, None));
        assert_eq!(Shape::of_phoneme("?", Viseme::Ff, false), (Shape::FF, None));
    }

    #[test]
    fn longer_sounds_stand_before_their_beginnings() {
        for (i, (later, ..)) in IPA.iter().enumerate() {
            assert!(IPA[..i].iter().all(|(earlier, ..)| !later.starts_with(earlier)), "{later} is never reached");
        }
    }
}
