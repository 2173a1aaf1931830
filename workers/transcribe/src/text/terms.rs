//! The terms of a text: the words that carry its topic.

use std::collections::{BTreeMap, HashSet};
use std::sync::LazyLock;

use medley_text::{
    script::{is_han, is_unspaced},
    words as dictionary,
};

/// How often each term occurs.
pub(crate) type Bag = BTreeMap<String, f64>;

static STOP: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    "a about above after again against all also am an and any are as at back be because been before being below between \
     both but by can cannot could did do does doing don down during each even every few first for from further get go \
     goes going gonna good got had has have having he her here hers herself him himself his how however i if in into is \
     it its itself just know let like ll lot made make many may maybe me mean might more most much must my myself need no \
     nor not now of off oh okay on once one only or other our ours out over own people quite re really right said same say \
     says see she should so some something still such sure take tell than that the their them themselves then there these \
     they thing things think this those through time to too two under until up upon us ve very was way we well went were \
     what when where whether which while who whom why will with without would yeah yes yet you your yours yourself \
     的 了 和 是 在 我 你 他 她 它 们 我们 你们 他们 她们 这 那 这个 那个 这些 那些 一个 一些 什么 怎么 为什么 因为 所以 但是 \
     而且 如果 就是 还是 或者 可以 没有 不是 自己 知道 觉得 现在 然后 时候 已经 可能 应该 非常 比较 进行 使用 以及 通过 对于 \
     关于 其中 这样 那样 这里 那里 一样 一下 不能 需要 大家 今天 里面 之后 之前 这种 那么 由于 并且 虽然 不会 还有 很多"
        .split_whitespace()
        .collect()
});

/// The terms of a text: English words without endings, Chinese words of two characters and more; no stop words.
pub(crate) fn bag(text: &str) -> Bag {
    let mut bag = Bag::new();
    for word in words(text) {
        *bag.entry(stem(&word)).or_default() += 1.0;
    }
    bag
}

/// The words of a text in lower case that are no stop words, in order.
pub(crate) fn words(text: &str) -> Vec<String> {
    let is_chinese = text.chars().any(is_han);
    let pieces: Vec<&str> = if is_chinese { dictionary::cut(text) } else { text.split_whitespace().collect() };
    let bare = pieces.into_iter().map(|piece| {
        let word = piece.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
        word.strip_suffix("'s").map_or(word.clone(), str::to_owned)
    });
    bare.filter(|word| is_term(word)).collect()
}

fn is_term(word: &str) -> bool {
    let letters = word.chars().filter(|c| c.is_alphabetic()).count();
    let least = if word.chars().any(is_unspaced) { 2 } else { 3 };
    letters >= least && !STOP.contains(word) && !word.contains('\'')
}

/// Takes off the commonest endings; enough to see "chapter" in "chapters".
pub(crate) fn stem(word: &str) -> String {
    if !word.is_ascii() {
        return word.to_owned();
    }
    for (ending, with) in [("ies", "y"), ("sses", "ss"), ("ing", ""), ("edly", ""), ("ed", ""), ("ly", ""), ("s", "")] {
        if let Some(root) = word.strip_suffix(ending)
            && root.len() >= 4
            && !(ending == "s" && root.ends_with(['s', 'u', 'i']))
        {
            return format!("{root}{with}");
        }
    }
    word.to_owned()
}

/// The cosine similarity of two bags, 0 (nothing in common) to 1.
pub(crate) fn cosine(a: &Bag, b: &Bag) -> f64 {
    let dot: f64 = a.iter().filter_map(|(term, n)| Some(n * b.get(term)?)).sum();
    let norm = |bag: &Bag| bag.values().map(|n| n * n).sum::<f64>().sqrt();
    let norms = norm(a) * norm(b);
    if norms > 0.0 { dot / norms } else { 0.0 }
}

pub(crate) fn add(to: &mut Bag, from: &Bag) {
    from.iter().for_each(|(term, n)| *to.entry(term.clone()).or_default() += n);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_what_a_text_is_about() {
        assert_eq!(words("The chapters of this podcast's history, really!"), ["chapters", "podcast", "history"]);
        assert_eq!(stem("chapters"), stem("chapter"));
        assert_eq!(words("我们今天讨论语音识别的质量。"), ["讨论", "语音", "识别", "质量"]);
    }
}
