//! One function over many items, on several threads.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

/// Applies `work` to each item on up to `threads` threads. The results keep the items' order.
///
/// After an error no further item is begun. Threads take items in their order, so the error returned is always the one
/// that comes first among the items. A panic of `work` continues in the caller.
///
/// # Errors
/// The first error, by the order of the items.
pub fn map<T: Sync, R: Send, E: Send>(
    items: &[T],
    threads: usize,
    work: impl Fn(&T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let threads = threads.min(items.len());
    if threads <= 1 {
        return items.iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let run = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { return done };
            let result = work(item);
            if result.is_err() {
                next.store(items.len(), Ordering::Relaxed);
            }
            done.push((index, result));
        }
    };
    let mut results: Vec<(usize, Result<R, E>)> = thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
        let mut results = run();
        for other in others {
            results.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
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
    fn results_keep_the_order_of_the_items() {
        let items: Vec<u32> = (0..100).collect();
        for threads in [1, 3, 4, 200] {
            let doubled = map(&items, threads, |n| Ok::<_, ()>(n * 2)).unwrap();
            assert_eq!(doubled, items.iter().map(|n| n * 2).collect::<Vec<_>>());
        }
        assert_eq!(map(&[], 4, |n: &u32| Ok::<_, ()>(*n)), Ok(Vec::new()));
    }

    #[test]
    fn the_first_error_is_returned_and_ends_the_work() {
        let items: Vec<u32> = (0..100).collect();
        assert_eq!(map(&items, 3, |n| if *n == 40 { Err("forty") } else { Ok(*n) }), Err("forty"));
        for threads in [1, 4] {
            assert_eq!(map(&items, threads, |n| if *n >= 7 { Err(*n) } else { Ok(*n) }), Err(7));
        }
        let begun = AtomicUsize::new(0);
        let fail = |_: &u32| {
            begun.fetch_add(1, Ordering::Relaxed);
            Err::<(), _>("at once")
        };
        assert_eq!(map(&items, 4, fail), Err("at once"));
        assert!(begun.into_inner() <= 4, "each thread begins one item at most");
    }
}
