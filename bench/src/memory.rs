//! What the operating system says this process holds.

use std::fs;

/// Bytes of physical memory in use; `None` where `/proc` does not say.
pub(crate) fn resident_bytes() -> Option<u64> {
    resident_of(&fs::read_to_string("/proc/self/status").ok()?)
}

fn resident_of(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_bytes_are_read_from_status() {
        assert_eq!(resident_of("VmHWM:\t   9 kB\nVmRSS:\t    1234 kB\nThreads:\t2\n"), Some(1234 * 1024));
        assert_eq!(resident_of("Threads:\t2\n"), None);
    }
}
