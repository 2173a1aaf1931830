use super::*;

fn read(text: &str) -> Vec<Utterance> {
    utterances("a.ssml", text, None, Delivery::default()).unwrap()
}

fn refused(text: &str) -> (usize, usize, String) {
    match utterances("a.ssml", text, None, Delivery::default()) {
        Err(SpeakError::Ssml { line, column, what, .. }) => (line, column, what),
        other => panic!("{text} gave {other:?}"),
    }
}

#[test]
fn every_element_has_its_effect() {
    let text = r#"<?xml version="1.0"?>
<speak version="1.1" xmlns="http://www.w3.org/2001/10/synthesis" xml:lang="en-US">
  <p><s>One &amp; two.</s><s>Three<break time="1.5s"/> four.</s></p>
  <prosody rate="slow" pitch="+10%" volume="-6dB">Slow.</prosody>
  The <sub alias="World Wide Web Consortium">W3C</sub> met <mark name="here"/>today.
  <say-as interpret-as="characters">ab1</say-as> <say-as interpret-as="date" format="dmy">5/3/2024</say-as>
  <phoneme alphabet="ipa" ph="təmˈɑːɾoʊ">tomato</phoneme>.
  <lang xml:lang="zh-CN">你好。</lang><voice name="joe">Hi.</voice>
  <emphasis level="strong">Now.</emphasis><audio src="https://example.com/a.wav">A bell.</audio>
</speak>"#;
    let all = read(text);
    let texts: Vec<&str> = all.iter().map(|utterance| utterance.text.as_str()).collect();
    let wanted = [
        "One & two.",
        "Three",
        "four.",
        "Slow.",
        "The W3C met today.",
        "ab1 5/3/2024 tomato.",
        "你好。",
        "Hi.",
        "Now.",
        "A bell.",
    ];
    assert_eq!(texts, wanted);
    assert_eq!(all[1].pause_ms, 1_500);
    assert_eq!(all[2].pause_ms, PARAGRAPH_MS);
    let slow = all[3].delivery;
    assert_eq!((slow.rate, slow.pitch, slow.volume_db), (0.8, 1.1, -6.0));
    assert_eq!(all[4].delivery, Delivery::default());
    let consortium = Reading { range: 4..7, how: Pronunciation::Said("World Wide Web Consortium".into()) };
    assert_eq!(all[4].readings, [consortium]);
    assert_eq!(all[4].marks, [Mark { name: "here".into(), at: 12 }]);
    let hows: Vec<&Pronunciation> = all[5].readings.iter().map(|reading| &reading.how).collect();
    let said = |text: &str| Pronunciation::Said(text.into());
    assert_eq!(hows, [&said("eigh B 1"), &said("2024-03-05"), &Pronunciation::Ipa("təmˈɑːɾoʊ".into())]);
    assert_eq!(all[6].language, Some(Language::Zh));
    assert_eq!(all[7].delivery.voices.to_string(), "joe");
    assert!(all[8].delivery.rate < 1.0 && all[8].delivery.volume_db > 0.0);
}

#[test]
fn numbers_are_said_as_asked() {
    let said = |kind: &str, text: &str, main| values::say_as(kind, None, text, main).unwrap();
    assert_eq!(said("cardinal", "1999", Language::En), "1,999");
    assert_eq!(said("ordinal", "22", Language::En), "22nd");
    assert_eq!(said("ordinal", "11", Language::En), "11th");
    assert_eq!(said("ordinal", "3", Language::Zh), "第3");
    assert_eq!(said("telephone", "110", Language::Zh), "幺 幺 0");
    assert_eq!(said("digits", "2024", Language::En), "2 0 2 4");
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let cases = [
        ("<speak>\n  <foo/>\n</speak>", 2, 3, "<foo>"),
        ("<speak><break time='5 days'/></speak>", 1, 8, "no pause"),
        ("<speak>a <sub>b</sub></speak>", 1, 10, "alias"),
        ("<speak><prosody rate='999%'>a</prosody></speak>", 1, 8, "0.5 and 2"),
        ("<speak xml:lang='fr'>a</speak>", 1, 1, "'fr'"),
        ("<speak>\n<voice name='x'>a</voice></speak>", 2, 1, "'x'"),
        ("<speak>a <audio src='file:///etc/passwd'/></speak>", 1, 10, "fetched"),
        ("<speak>a <phoneme ph='中'>b</phoneme></speak>", 1, 10, "中"),
        ("<speak><say-as interpret-as='date' format='ymd'>2024-13-45</say-as></speak>", 1, 8, "no date"),
        ("<p>a</p>", 1, 1, "<speak>"),
        ("<speak>a</p></speak>", 1, 9, ""),
        ("<speak>a", 1, 1, "never closed"),
        ("<!DOCTYPE speak [<!ENTITY a 'b'>]>\n<speak>&a;</speak>", 1, 1, "DOCTYPE"),
        ("<speak>&nbsp;</speak>", 1, 8, ""),
    ];
    for (text, line, column, part) in cases {
        let (at_line, at_column, what) = refused(text);
        assert!(what.contains(part), "{text}: {what}");
        assert_eq!((at_line, at_column), (line, column), "{text}: {what}");
    }
}

#[test]
fn hostile_documents_are_answered() {
    let deep = format!("<speak>{}a{}</speak>", "<p>".repeat(100_000), "</p>".repeat(100_000));
    assert!(refused(&deep).2.contains("deeper"));
    let wide = format!("<speak>{}</speak>", "<s>a</s>".repeat(300_000));
    assert!(refused(&wide).2.contains("elements"));
    let mut bomb = String::from("<!DOCTYPE speak [<!ENTITY a0 'ha'>");
    for n in 1..30 {
        bomb.push_str(&format!("<!ENTITY a{n} '&a{0};&a{0};'>", n - 1));
    }
    bomb.push_str("]><speak>&a29;</speak>");
    assert!(refused(&bomb).2.contains("DOCTYPE"));
}

#[test]
fn a_document_in_pieces_keeps_its_sentences() {
    let all = read("<speak>One <emphasis>two</emphasis> three. Dr. <s>Four</s></speak>");
    let texts: Vec<&str> = all.iter().map(|utterance| utterance.text.as_str()).collect();
    assert_eq!(texts, ["One", "two", "three.", "Dr.", "Four"]);
    assert_eq!(all[0].pause_ms, SEAM_MS);
}
