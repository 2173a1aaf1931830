//! How much memory a process holds.

use std::{fs, io};

/// The pages that are the process's own, in bytes: anonymous and shared memory. Pages of mapped files (models) are
/// left out: the kernel can drop them at any time.
///
/// # Errors
/// When the process is gone.
pub(crate) fn own_bytes(pid: i32) -> io::Result<u64> {
    fs::read_to_string(format!("/proc/{pid}/status")).map(|status| own_bytes_of(&status))
}

fn own_bytes_of(status: &str) -> u64 {
    let own = status.lines().filter(|line| line.starts_with("RssAnon:") || line.starts_with("RssShmem:"));
    own.filter_map(|line| line.split_ascii_whitespace().nth(1)?.parse::<u64>().ok()).map(|kib| kib << 10).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_own_pages_and_no_mapped_files() {
        let status =
            "Name:\tx\nVmRSS:\t    9000 kB\nRssAnon:\t    3000 kB\nRssFile:\t    5000 kB\nRssShmem:\t    1000 kB\n";
        assert_eq!(own_bytes_of(status), 4_000 << 10);
        let before = own_bytes(std::process::id().cast_signed()).unwrap();
        // Much more than what the tests beside this one may give back meanwhile.
        let held = std::hint::black_box(vec![1_u8; 256 << 20]);
        let after = own_bytes(std::process::id().cast_signed()).unwrap();
        assert!(after >= before + (192 << 20), "{before} {after}");
        drop(std::hint::black_box(held));
    }
}
