//! What the operating system says this process holds.

use std::fs;

/// Bytes of physical memory in use; `None` where `/proc` does not say.
pub(crate) fn resident_bytes() -> Option<u64> {
    field("VmRSS:", &fs::read_to_string("/proc/self/status").ok()?)
}

/// The most that was ever in use.
pub(crate) fn peak_bytes() -> Option<u64> {
    field("VmHWM:", &fs::read_to_string("/proc/self/status").ok()?)
}

fn field(name: &str, status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_bytes_are_read_from_status() {
        let status = "VmHWM:\t   9 kB\nVmRSS:\t    1234 kB\nThreads:\t2\n";
        assert_eq!((field("VmRSS:", status), field("VmHWM:", status)), (Some(1234 * 1024), Some(9 * 1024)));
        assert_eq!(field("VmRSS:", "Threads:\t2\n"), None);
    }
}
