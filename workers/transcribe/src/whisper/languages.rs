//! The languages of Whisper, by ISO 639-1 code, in the order of their tokens (openai-whisper's `LANGUAGES`).

pub(crate) const LANGUAGES: [&str; 100] = [
    "en", "zh", "de", "es", "ru", "ko", "fr", "ja", "pt", "tr", "pl", "ca", "nl", "ar", "sv", "it", "id", "hi", "fi",
    "vi", "he", "uk", "el", "ms", "cs", "ro", "da", "hu", "ta", "no", "th", "ur", "hr", "bg", "lt", "la", "mi", "ml",
    "cy", "sk", "te", "fa", "lv", "bn", "sr", "az", "sl", "kn", "et", "mk", "br", "eu", "is", "hy", "ne", "mn", "bs",
    "kk", "sq", "sw", "gl", "mr", "pa", "si", "km", "sn", "yo", "so", "af", "oc", "ka", "be", "tg", "sd", "gu", "am",
    "yi", "lo", "uz", "fo", "ht", "ps", "tk", "nn", "mt", "sa", "lb", "my", "bo", "tl", "mg", "as", "tt", "haw", "ln",
    "ha", "ba", "jw", "su", "yue",
];

#[cfg(all(test, feature = "whisper-cpp"))]
mod tests {
    use super::*;

    #[test]
    fn they_are_those_of_whisper_cpp() {
        let theirs = (0..=whisper_rs::get_lang_max_id()).filter_map(whisper_rs::get_lang_str);
        assert!(theirs.eq(LANGUAGES));
    }
}
