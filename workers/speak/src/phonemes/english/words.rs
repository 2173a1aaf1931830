//! Aligns espeak-ng's IPA with the written words. espeak-ng joins some words ("of the" is one word of IPA) and splits
//! others.

use crate::SpeakError;

/// For each word of the IPA, for each of its characters, the number of the written word. `alone` gives the IPA of a
/// word by itself; it is asked only when the counts differ.
pub(super) fn owners(
    ipa: &str,
    words: &[(usize, &str)],
    alone: impl Fn(&str) -> Result<String, SpeakError>,
) -> Result<Vec<Vec<usize>>, SpeakError> {
    let spoken: Vec<&str> = ipa.split(' ').collect();
    if spoken.len() == words.len() {
        return Ok(spoken.iter().zip(words).map(|(part, (number, _))| vec![*number; part.chars().count()]).collect());
    }
    let mut apart = Vec::new();
    for (number, word) in words {
        apart.extend(alone(word)?.chars().filter(|c| *c != ' ').map(|c| (c, *number)));
    }
    let together: Vec<char> = spoken.iter().flat_map(|part| part.chars()).collect();
    let mut owner = aligned(&together, &apart).into_iter();
    Ok(spoken.iter().map(|part| owner.by_ref().take(part.chars().count()).collect()).collect())
}

/// The owner of each character, by the cheapest alignment of the two strings (Levenshtein).
fn aligned(together: &[char], apart: &[(char, usize)]) -> Vec<usize> {
    let width = apart.len() + 1;
    let mut cost = vec![0_u32; (together.len() + 1) * width];
    for row in 0..=together.len() {
        for column in 0..width {
            cost[row * width + column] = match (row, column) {
                (0, n) | (n, 0) => u32::try_from(n).unwrap_or(u32::MAX),
                _ => {
                    let differs = u32::from(together[row - 1] != apart[column - 1].0);
                    (cost[(row - 1) * width + column - 1] + differs)
                        .min(cost[(row - 1) * width + column] + 1)
                        .min(cost[row * width + column - 1] + 1)
                }
            };
        }
    }
    let mut owners = vec![apart.first().map_or(0, |(_, number)| *number); together.len()];
    let (mut row, mut column) = (together.len(), apart.len());
    while row > 0 && column > 0 {
        owners[row - 1] = apart[column - 1].1;
        let here = cost[row * width + column];
        let differs = u32::from(together[row - 1] != apart[column - 1].0);
        if here == cost[(row - 1) * width + column - 1] + differs {
            (row, column) = (row - 1, column - 1);
        } else if here == cost[(row - 1) * width + column] + 1 {
            row -= 1;
        } else {
            column -= 1;
        }
    }
    owners
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alone(word: &str) -> Result<String, SpeakError> {
        Ok(match word {
            "of" => "ˈʌv",
            "the" => "ðə",
            "cat" => "kˈæt",
            _ => "",
        }
        .into())
    }

    #[test]
    fn words_run_together_are_told_apart() {
        let owners = owners("ʌvðə kˈæt", &[(4, "of"), (5, "the"), (7, "cat")], alone).unwrap();
        assert_eq!(owners, [vec![4, 4, 5, 5], vec![7; 4]]);
    }

    #[test]
    fn as_many_words_as_written_need_no_alignment() {
        let owners = owners("ðə kˈæt", &[(0, "the"), (2, "cat")], |_| panic!("not asked")).unwrap();
        assert_eq!(owners, [vec![0; 2], vec![2; 4]]);
    }
}
