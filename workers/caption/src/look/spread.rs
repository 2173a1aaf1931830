use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

/// Does `work` on each item, on so many threads; the results in the items' order. After an error no more are begun.
pub(crate) fn spread<T: Sync, R: Send, E: Send>(
    items: &[T],
    threads: usize,
    work: impl Fn(&T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, R)>> = Mutex::new(Vec::with_capacity(items.len()));
    let run = || -> Result<(), E> {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { return Ok(()) };
            match work(item) {
                Ok(result) => done.lock().unwrap_or_else(PoisonError::into_inner).push((at, result)),
                Err(error) => {
                    next.store(items.len(), Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads.min(items.len())).map(|_| scope.spawn(run)).collect();
        let mine = run();
        others.into_iter().fold(mine, |so_far, thread| {
            let theirs = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            so_far.and(theirs)
        })
    })?;
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(at, _)| *at);
    Ok(done.into_iter().map(|(_, result)| result).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_the_order_and_an_error_ends_all() {
        let items: Vec<u32> = (0..100).collect();
        assert_eq!(spread(&items, 3, |n| Ok::<_, ()>(n * 2)).unwrap(), items.iter().map(|n| n * 2).collect::<Vec<_>>());
        assert_eq!(spread(&items, 3, |n| if *n == 40 { Err("forty") } else { Ok(*n) }), Err("forty"));
        assert_eq!(spread(&[] as &[u32], 3, |n| Ok::<_, ()>(*n)), Ok(Vec::new()));
    }
}
