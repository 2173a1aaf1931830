use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

/// Maps the items on up to `threads` threads; the results stand in the items' order, the first error wins.
pub(crate) fn side_by_side<T: Sync, R: Send, E: Send>(
    items: &[T],
    threads: usize,
    map: impl Fn(&T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let threads = threads.min(items.len());
    if threads <= 1 {
        return items.iter().map(map).collect();
    }
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some((index, item)) =
            Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|i| Some((i, items.get(i)?)))
        {
            done.push((index, map(item)));
        }
        done
    };
    let mut results: Vec<(usize, Result<R, E>)> = thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut results = work();
        for other in others {
            match other.join() {
                Ok(done) => results.extend(done),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        results
    });
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept_and_errors_are_told() {
        let items: Vec<u32> = (0..100).collect();
        assert_eq!(side_by_side(&items, 4, |n| Ok::<_, ()>(n * 2)).unwrap()[99], 198);
        assert_eq!(side_by_side(&items, 4, |n| if *n == 7 { Err(*n) } else { Ok(*n) }), Err(7));
        assert_eq!(side_by_side(&[], 4, |n: &u32| Ok::<_, ()>(*n)), Ok(Vec::new()));
    }
}
