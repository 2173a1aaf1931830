//! ImageNet's 1,000 classes as words that people use: 118 breeds are a dog.

use medley_vision::classify::CLASSES;

const LISTED: &str = include_str!("groups.txt");
/// A label of one class is said, in brackets, when its class holds so much of its word and has so much by itself.
const MIN_SHARE_OF_GROUP: f32 = 0.5;
const MIN_SURE: f32 = 0.35;

/// The words and the classes that each stands for. Words may share classes: a stove is a stove, and of a kitchen.
#[derive(Debug)]
pub(super) struct Groups {
    words: Vec<String>,
    classes: Vec<Vec<usize>>,
    /// Of each class, without what is in brackets.
    labels: Vec<String>,
}

impl Groups {
    /// The words for these labels, ImageNet's in their order.
    pub(super) fn new(labels: &[String]) -> Self {
        let mut groups =
            Self { words: Vec::new(), classes: Vec::new(), labels: labels.iter().map(|label| plain(label)).collect() };
        let mut listed = [false; CLASSES];
        for line in medley_clip::lines(LISTED) {
            let Some((word, ranges)) = line.split_once(':') else { continue };
            let mut classes: Vec<usize> = ranges.split(',').flat_map(|range| parse(range.trim())).collect();
            classes.sort_unstable();
            classes.dedup();
            classes.iter().for_each(|class| listed[*class] = true);
            groups.words.push(word.to_owned());
            groups.classes.push(classes);
        }
        for class in (0..CLASSES).filter(|class| !listed[*class]) {
            let label = groups.labels[class].clone();
            match groups.words.iter().position(|word| *word == label) {
                Some(group) => groups.classes[group].push(class),
                None => {
                    groups.words.push(label);
                    groups.classes.push(vec![class]);
                }
            }
        }
        groups
    }

    /// The probability of each word, the likeliest first.
    pub(super) fn weigh(&self, classes: &[f32]) -> Vec<(&str, f32)> {
        let sum = |group: &Vec<usize>| group.iter().map(|class| classes[*class]).sum::<f32>();
        let mut weighed: Vec<(&str, f32)> =
            self.words.iter().map(String::as_str).zip(self.classes.iter().map(sum)).collect();
        weighed.sort_by(|a, b| b.1.total_cmp(&a.1));
        weighed
    }

    /// The label of the class that is most of this word, where it is sure: "Keeshond" of a dog.
    pub(super) fn fine_label(&self, word: &str, classes: &[f32]) -> Option<&str> {
        let group = self.words.iter().position(|known| known == word)?;
        let best = self.classes[group].iter().max_by(|a, b| classes[**a].total_cmp(&classes[**b]))?;
        let all: f32 = self.classes[group].iter().map(|class| classes[*class]).sum();
        let label = self.labels[*best].as_str();
        let is_sure = classes[*best] >= MIN_SURE && classes[*best] >= MIN_SHARE_OF_GROUP * all;
        (is_sure && !label.eq_ignore_ascii_case(word)).then_some(label)
    }
}

/// A label without what explains it: "crane" of "crane (bird)".
pub(super) fn plain(label: &str) -> String {
    label.split(['(', '/']).next().unwrap_or(label).trim().to_owned()
}

/// "3" or "3-7".
fn parse(range: &str) -> std::ops::RangeInclusive<usize> {
    let (from, to) = range.split_once('-').unwrap_or((range, range));
    let number = |text: &str| text.parse().expect("groups.txt is tested");
    number(from)..=number(to)
}

#[cfg(test)]
mod tests {
    use medley_clip::{Family, built_in};

    use super::*;

    #[test]
    fn every_class_has_a_word() {
        let labels = built_in("imagenet", Family::Clip).unwrap();
        let groups = Groups::new(&labels);
        assert_eq!(groups.words.len(), 413);
        let mut classes: Vec<usize> = groups.classes.concat();
        classes.sort_unstable();
        classes.dedup();
        assert_eq!(classes, (0..CLASSES).collect::<Vec<_>>());
        let mut words = groups.words.clone();
        words.sort();
        words.dedup();
        assert_eq!(words.len(), 413);
    }

    #[test]
    fn breeds_add_up_to_a_dog() {
        let groups = Groups::new(&built_in("imagenet", Family::Clip).unwrap());
        let mut classes = vec![0.0; CLASSES];
        (classes[261], classes[207], classes[281]) = (0.5, 0.2, 0.3);
        let weighed = groups.weigh(&classes);
        assert_eq!((weighed[0].0, weighed[1].0), ("dog", "cat"));
        assert!((weighed[0].1 - 0.7).abs() < 1e-6);
        assert_eq!(groups.fine_label("dog", &classes), Some("Keeshond"));
        assert_eq!(groups.fine_label("cat", &classes), None);
    }
}
