//! The devices that tests run on.

use burn::tensor::{Device, DeviceKind};

use crate::missing::skip;

/// The CPU.
#[must_use]
pub fn cpu() -> Device {
    Device::flex()
}

/// A GPU, or lavapipe; `None`, loudly, where there is no adapter.
#[must_use]
pub fn wgpu() -> Option<Device> {
    // Opening a device without an adapter panics inside wgpu's set-up.
    let device = std::panic::catch_unwind(|| {
        let device = Device::wgpu(DeviceKind::DefaultDevice);
        device.sync().map(|()| device)
    });
    match device {
        Ok(Ok(device)) => Some(device),
        _ => {
            skip("no adapter for wgpu (on Debian: mesa-vulkan-drivers brings lavapipe)");
            None
        }
    }
}
