//! What a host says to begin a topic: "Now to the bread.", "Let us change the subject.", 接下来我们聊聊面包。

use std::sync::LazyLock;

use regex::Regex;

use crate::text::terms::words;

/// The longest topic that is taken for a title, in characters; a Chinese one holds half as many.
const MAX_TOPIC_CHARS: usize = 60;
/// A longer one says something instead of naming it.
const MAX_TOPIC_WORDS: usize = 8;
/// A change of the subject is announced in a short sentence; a longer one tells of it.
const MAX_BARE_WORDS: usize = 20;

/// A topic is announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Announcement {
    /// The topic as it is called, when it is.
    pub(super) topic: Option<String>,
}

/// Patterns in order; a group `topic` is what follows.
static PATTERNS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let lead = r"(?i)^(?:(?:and|so|but|ok|okay|all right|alright|right|well|good|great|fine|thank you(?: \w+)?|thanks(?: \w+)?|very good|wonderful|then|now)[,.!]?\s+){0,3}";
    let will = r"(?:let's|let us|shall we|we should|i(?:'d| would) like to|i want to|we(?:'ll| will)|we(?:'re| are) going to|it(?:'s| is) time to)(?: now| also| next| first| finally| just)*";
    let english = [
        format!(r"{will} (?:move|turn|switch|go|come|get|jump)(?: (?:on|over|back|now))*(?: to (?P<topic>.+)|[.!]?$)"),
        format!(r"{will} (?:talk|speak|hear|chat|begin|start|end|finish|close|continue)(?: (?:now|first|today|a bit|a little))* (?:about|with|on) (?P<topic>.+)"),
        format!(r"{will} (?:look at|discuss|open|take up) (?P<topic>.+)"),
        r"(?:moving|turning|going|coming)(?: (?:on|over|back|now))* to (?P<topic>.+)".into(),
        r"(?:now|next|on|and now|up next)(?: (?:on|over))? (?:to|for) (?P<topic>.+)".into(),
        r"(?:our|the|my) (?:first|second|third|fourth|fifth|sixth|next|last|final|other) (?:topic|subject|story|point|item|part|segment|theme)(?: for)?(?: today| tonight)? (?:is|are|will be|concerns)(?: about)? (?P<topic>.+)".into(),
        r"(?:our|the|my|a) (?:first|second|third|fourth|fifth|sixth|next|last|final|new|other) (?:topic|subject|story|segment|theme)(?:[:,.] ?(?P<topic>.*))?$".into(),
        r"(?:that|this|which) (?:brings|leads) us to (?P<topic>.+)".into(),
        r"(?:finally|lastly|last but not least|next|now)[,:] (?P<topic>(?:the|our|a|an) .+)".into(),
        r"(?:up next|coming up(?: next)?|first up|next up)(?: is| are)?[,:]? (?P<topic>.+)".into(),
    ];
    let chinese = [
        r"^(?:好的?|那么?|嗯|然后|谢谢|[，,。 ])*(?:接下来|下面|接着|最后|首先|现在|第[一二三四五六]|再)，?(?:我们|咱们|让我们|我想)?(?:来|就|再|要|一起)*(?:聊聊|聊一聊|谈谈|谈一谈|说说|说一说|讲讲|讲一讲|看看|看一看|聊|谈|说|讲|看|讨论|进入|转到|关注)(?:一下|到)?(?P<topic>.+)",
        r"^(?:好的?|那么?|嗯|然后|谢谢|[，,。 ])*(?:我们|咱们|让我们)(?:来|再|就|现在)+(?:聊聊|聊一聊|谈谈|谈一谈|说说|说一说|讲讲|看看|讨论)(?:一下)?(?P<topic>.+)",
        r"(?:下一个|第[一二三四五六]个|最后一个|另一个)(?:话题|主题|问题|新闻)(?:是|：|，)?(?:关于)?(?P<topic>.*)",
        r"(?:换|转换)(?:一?个)?(?:话题|主题)(?:[，,。]?(?:我们|来|再)*(?:聊聊|谈谈|说说|讲讲|看看|聊|谈|说)(?P<topic>.+))?",
    ];
    let english = english.into_iter().map(|pattern| format!("{lead}{pattern}"));
    let all = english.chain(chinese.map(str::to_owned));
    all.map(|pattern| Regex::new(&pattern).expect("tested below")).collect()
});

/// A change of the subject that names none.
static BARE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(?:change (?:the|of) (?:subject|topic)|change (?:subject|topic)s?|(?:next|another|different|new) topic|something (?:completely |entirely |quite |very )?different)\b")
        .expect("tested below")
});

/// An outline of the whole episode names several topics and begins none.
static OUTLINE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^.*\b(?:today|tonight|this (?:week|episode|programme|program|show)|in this)\b.*,.* and |(?:今天|本期|这期|这一期).*(?:、|，).*(?:和|以及|还有)")
        .expect("tested below")
});

/// Whether a sentence says what the whole episode is about.
pub(super) fn is_outline(sentence: &str) -> bool {
    OUTLINE.is_match(sentence.trim())
}

/// What a sentence announces.
pub(super) fn announcement(sentence: &str) -> Option<Announcement> {
    let sentence = sentence.trim().replace('\u{2019}', "'");
    if is_outline(&sentence) {
        return None;
    }
    for pattern in PATTERNS.iter() {
        if let Some(found) = pattern.captures(&sentence) {
            let topic = found.name("topic").and_then(|topic| as_topic(topic.as_str()));
            // "Now to you" and "let us talk about it" begin nothing.
            let is_bare = found
                .name("topic")
                .is_none_or(|topic| topic.as_str().trim().is_empty() || BARE.is_match(topic.as_str()));
            if topic.is_some() || is_bare {
                return Some(Announcement { topic });
            }
        }
    }
    let is_short = sentence.split_whitespace().count() <= MAX_BARE_WORDS;
    (is_short && BARE.is_match(&sentence)).then_some(Announcement { topic: None })
}

/// What stands before a topic and is not its name.
static NUMBERED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^(?:our|the|my|a) (?:first|second|third|fourth|fifth|sixth|next|last|final|new|other) (?:topic|subject|story|point|item|part|segment|theme)(?: for)?(?: today| tonight)?(?: is|,|:)? ")
        .expect("tested below")
});

/// The name of a topic: to the end of its clause, without what hangs on to it.
fn as_topic(rest: &str) -> Option<String> {
    const FRONT: [&str; 5] = ["the topic of ", "the subject of ", "the question of ", "关于", "一下"];
    const BEHIND: [&str; 18] = [
        " for a moment",
        " for a minute",
        " for a bit",
        " a bit",
        " a little",
        " today",
        " now",
        " next",
        " then",
        " please",
        " as well",
        " again",
        " first",
        "的话题",
        "的问题",
        "这个话题",
        "的事情",
        "吧",
    ];
    let rest = NUMBERED.replace(rest, "");
    if BARE.is_match(&rest) {
        return None;
    }
    let clause = rest
        .split(['.', ',', ';', ':', '?', '!', '。', '，', '；', '：', '？', '！', '…'])
        .find(|part| !part.trim().is_empty())?;
    let mut topic = clause.trim();
    loop {
        let before = topic;
        let lower = topic.to_lowercase();
        if let Some(front) = FRONT.iter().find(|front| lower.starts_with(**front)) {
            topic = topic[front.len()..].trim();
        }
        if let Some(behind) = BEHIND.iter().find(|behind| lower.ends_with(**behind)) {
            topic = topic[..topic.len().saturating_sub(behind.len())].trim();
        }
        if topic == before {
            break;
        }
    }
    let wide = topic.chars().any(medley_text::script::is_unspaced);
    let max = if wide { MAX_TOPIC_CHARS / 2 } else { MAX_TOPIC_CHARS };
    let is_short = topic.split_whitespace().count() <= MAX_TOPIC_WORDS;
    let is_name = is_short && !words(topic).is_empty() && topic.chars().count() <= max && !is_clause(topic);
    is_name.then(|| capitalised(topic))
}

/// Whether it says something instead of naming it: "how you make it".
fn is_clause(topic: &str) -> bool {
    let first = topic.split_whitespace().next().unwrap_or_default().to_lowercase();
    matches!(
        first.as_str(),
        "you"
            | "it"
            | "him"
            | "her"
            | "them"
            | "that"
            | "what"
            | "how"
            | "why"
            | "when"
            | "where"
            | "whether"
            | "if"
            | "me"
            | "us"
    )
}

/// With a capital letter at the beginning.
pub(super) fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(sentence: &str) -> Option<Option<String>> {
        announcement(sentence).map(|found| found.topic)
    }

    #[test]
    fn hosts_announce_topics() {
        for (sentence, wanted) in [
            ("Now to the bread.", "The bread"),
            ("Thank you, now let's talk about the new library for a moment.", "The new library"),
            ("Okay, let us move on to our second topic, the weather.", "The weather"),
            ("Let us move on to our next topic, the weather.", "The weather"),
            ("Let's turn to the price of honey, which has doubled.", "The price of honey"),
            ("Our next topic is urban beekeeping.", "Urban beekeeping"),
            ("That brings us to the election.", "The election"),
            ("Finally, the football results.", "The football results"),
            ("And now for the weather.", "The weather"),
            ("I'd like to start with the history of Rust.", "The history of Rust"),
            ("接下来我们聊聊面包的历史。", "面包的历史"),
            ("好，下面说说天气吧。", "天气"),
            ("第二个话题是城市养蜂。", "城市养蜂"),
            ("我们换个话题，聊聊养蜂。", "养蜂"),
            ("最后，我们来看看足球比赛的结果。", "足球比赛的结果"),
        ] {
            let found = topic(sentence).flatten();
            // What it is called may carry the announcement's own words.
            assert!(
                found.as_deref().is_some_and(|found| found.ends_with(wanted.trim_start_matches("The "))),
                "{sentence}: {found:?}"
            );
        }
        for sentence in [
            "Let us change the subject.",
            "我们换个话题。",
            "And now for something completely different.",
            "Let's move on.",
        ] {
            assert!(topic(sentence).is_some(), "{sentence}");
        }
    }

    #[test]
    fn what_is_only_said_announces_nothing() {
        for sentence in [
            "Today we talk about bees, bread and the weather.",
            "The bees move on to the next flower.",
            "I went to the market to buy bread.",
            "Let me tell you what happened.",
            "Let us talk about it.",
            "Now I understand.",
            "You should look at me.",
            "First, the people who live nearby were never asked.",
            "今天我们聊聊蜜蜂、面包和天气。",
            "我昨天去了市场。",
            "我们看了一场比赛。",
        ] {
            assert_eq!(topic(sentence), None, "{sentence}");
        }
    }
}
