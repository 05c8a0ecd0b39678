//! What the operating system says this process holds, and what the device's allocator says.

use std::fs;

use burn::tensor::Device;

/// The most that the device's allocator was seen to hold, in bytes; nothing where it keeps no account.
#[derive(Debug, Default)]
pub(crate) struct Peak {
    pub(crate) reserved: Option<u64>,
    pub(crate) in_use: Option<u64>,
}

impl Peak {
    /// Asks the allocator.
    pub(crate) fn look(&mut self, device: &Device) {
        if let Some(usage) = device.memory_pool_usage() {
            self.reserved = self.reserved.max(Some(usage.bytes_reserved));
            self.in_use = self.in_use.max(Some(usage.bytes_in_use));
        }
    }
}

/// Bytes of physical memory in use; `None` where `/proc` does not say.
pub(crate) fn resident_bytes() -> Option<u64> {
    field("VmRSS:", &fs::read_to_string("/proc/self/status").ok()?)
}

/// Bytes of code and files among them.
pub(crate) fn code_bytes() -> Option<u64> {
    field("RssFile:", &fs::read_to_string("/proc/self/status").ok()?)
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
