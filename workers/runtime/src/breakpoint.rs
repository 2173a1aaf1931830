//! Places where a test may end the process as `kill -9` would (docs/decisions/0004-sigkill-breakpoints.md). Without the
//! feature `breakpoints` there are none.

#[cfg(feature = "breakpoints")]
pub use armed::BREAKPOINT_VARIABLE;
#[cfg(feature = "breakpoints")]
pub(crate) use armed::breakpoint;

/// A test may end the process here.
#[cfg(not(feature = "breakpoints"))]
pub(crate) fn breakpoint(_name: &str) {}

#[cfg(feature = "breakpoints")]
mod armed {
    use std::sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    };

    /// `<name>` or `<name>:<n>`: the process dies at the `n`th time that it comes to the place (the first when left out).
    pub const BREAKPOINT_VARIABLE: &str = "MEDLEY_TEST_BREAKPOINT";

    struct Armed {
        name: String,
        left: AtomicU32,
    }

    static ARMED: OnceLock<Option<Armed>> = OnceLock::new();

    fn parse(value: &str) -> Armed {
        let (name, count) = value.split_once(':').unwrap_or((value, "1"));
        Armed { name: name.into(), left: AtomicU32::new(count.parse().unwrap_or(1)) }
    }

    impl Armed {
        /// Whether this visit is the one to die at.
        fn visit(&self, name: &str) -> bool {
            self.name == name && self.left.fetch_sub(1, Ordering::Relaxed) == 1
        }
    }

    /// A test may end the process here.
    #[expect(clippy::disallowed_methods, reason = "only tests set it, and it is no part of the help text")]
    pub(crate) fn breakpoint(name: &str) {
        let armed = ARMED.get_or_init(|| std::env::var(BREAKPOINT_VARIABLE).ok().map(|value| parse(&value)));
        if armed.as_ref().is_some_and(|armed| armed.visit(name)) {
            // SAFETY: raising a signal touches no memory of ours.
            unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn dies_at_the_visit_that_was_named() {
            let armed = parse("after_result:2");
            assert!(!armed.visit("after_result"));
            assert!(!armed.visit("before_ack"));
            assert!(armed.visit("after_result"));
            assert!(!armed.visit("after_result"));
            assert!(parse("after_take").visit("after_take"));
        }
    }
}
