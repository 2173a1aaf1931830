//! What steps got done, as counters: one for each unit, so that nobody adds images to seconds of speech.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use medley_proto::Name;

use crate::compute::Progress;

/// Counts what steps did. A counter takes whole units; what is left of one waits here for the next step.
#[derive(Debug, Default)]
pub(crate) struct WorkDone(Mutex<HashMap<(Name, String), f64>>);

impl WorkDone {
    /// Adds what a step of the kind did.
    pub(crate) fn add(&self, kind: &Name, progress: &Progress) {
        let Some(counter) = counter_of(&progress.unit) else { return };
        let whole = self.whole(kind, &counter, progress.done);
        metrics::counter!(counter, "kind" => kind.to_string()).increment(whole);
    }

    fn whole(&self, kind: &Name, counter: &str, done: f64) -> u64 {
        let mut rests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = rests.entry((kind.clone(), counter.to_owned())).or_default();
        *rest += done.max(0.0);
        let whole = rest.floor();
        *rest -= whole;
        whole as u64
    }
}

/// The name of a unit's counter: `s of speech` is counted as `medley_work_speech_seconds_total`, `images found` as
/// `medley_work_images_found_total`. None for shares, which do not add up.
fn counter_of(unit: &str) -> Option<String> {
    let named = match unit.strip_prefix("s of ") {
        Some(what) => format!("{what} seconds"),
        None => unit.to_owned(),
    };
    let fits = |c: char| c.is_ascii_lowercase() || c == ' ';
    (named.chars().all(fits) && !named.trim().is_empty()).then(|| {
        let words: Vec<_> = named.split_whitespace().collect();
        format!("medley_work_{}_total", words.join("_"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_unit_has_a_counter() {
        assert_eq!(counter_of("s of speech").unwrap(), "medley_work_speech_seconds_total");
        assert_eq!(counter_of("maps").unwrap(), "medley_work_maps_total");
        assert_eq!(counter_of("images found").unwrap(), "medley_work_images_found_total");
        for no_amount in ["% listened to", "", " ", "Größe"] {
            assert_eq!(counter_of(no_amount), None, "{no_amount}");
        }
    }

    #[test]
    fn fractions_add_up() {
        let (work, kind) = (WorkDone::default(), Name::from_static("transcribe"));
        let add = |done| work.whole(&kind, "medley_work_speech_seconds_total", done);
        assert_eq!([add(0.75), add(0.75), add(-1.0), add(2.25), add(0.25)], [0, 1, 0, 2, 1]);
    }
}
