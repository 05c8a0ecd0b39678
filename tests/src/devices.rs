//! The devices that tests run on, and those that a person names.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use anyhow::{Result, bail};
use burn::tensor::wgpu::WgpuBackend;
use burn::tensor::{Device, DeviceKind};

use crate::missing::skip;

/// The CPU, with memory kept as `hone` keeps it.
#[must_use]
pub fn cpu() -> Device {
    hone_core::kernels::keep_freed_memory();
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

/// What a person names: `cpu`, `wgpu`, `cuda` or `cuda:1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceName {
    /// burn-flex with Hone's kernels, all cores.
    Cpu,
    /// The first adapter that wgpu finds.
    Wgpu,
    /// The CUDA device of this number.
    Cuda(usize),
}

impl FromStr for DeviceName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.strip_prefix("cuda:").map(str::parse::<usize>)) {
            ("cpu", _) => Ok(Self::Cpu),
            ("wgpu", _) => Ok(Self::Wgpu),
            ("cuda", _) => Ok(Self::Cuda(0)),
            (_, Some(Ok(index))) => Ok(Self::Cuda(index)),
            _ => Err(format!("{text:?} is not one of cpu, wgpu, cuda, cuda:1 and so on")),
        }
    }
}

impl Display for DeviceName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => write!(f, "cpu"),
            Self::Wgpu => write!(f, "wgpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
        }
    }
}

/// Opens a device, and says what it is. On a GPU burn's matrix products are set.
///
/// # Errors
/// When it isn't built in, or isn't there.
pub fn open(name: DeviceName) -> Result<(Device, String)> {
    match name {
        DeviceName::Cpu => {
            let threads = std::thread::available_parallelism().map_or(1, usize::from);
            Ok((Device::flex(), format!("cpu, {threads} threads")))
        }
        DeviceName::Wgpu => {
            // Where nobody sits at a desktop Mesa's OpenGL only complains; as in hone-cli.
            let is_headless = std::env::consts::OS == "linux" && std::env::var_os("XDG_RUNTIME_DIR").is_none();
            let api = if is_headless { WgpuBackend::Vulkan } else { WgpuBackend::Auto };
            match Device::wgpu_options().graphics_api(api).init_with_setup() {
                Ok((device, setup)) => {
                    let info = setup.adapter.get_info();
                    Ok((device, format!("{} ({})", info.name, info.backend)))
                }
                Err(error) => bail!("no adapter could be opened through wgpu: {error}"),
            }
        }
        DeviceName::Cuda(index) => open_cuda(index),
    }
}

#[cfg(feature = "cuda")]
fn open_cuda(index: usize) -> Result<(Device, String)> {
    use burn::tensor::{DeviceType, Tensor};

    // Listing asks for libcuda before it loads it, so it is empty rather than a panic where there is no driver.
    let count = std::panic::catch_unwind(|| Device::enumerate(DeviceType::Cuda).len()).unwrap_or(0);
    if index >= count {
        bail!("no CUDA device {index}: the driver (libcuda) is absent, or sees {count} GPUs; nvidia-smi lists them");
    }
    let device = Device::cuda(index);
    // Kernels are compiled by NVRTC, which comes with the toolkit and not with the driver.
    let sum = || Tensor::<1>::from_floats([1.0, 2.0], &device).sum().into_data().try_to_vec::<f32>().ok();
    let first = std::panic::catch_unwind(std::panic::AssertUnwindSafe(sum));
    match first {
        Ok(Some(sum)) if sum == [3.0] => Ok((device, format!("cuda:{index} of {count}"))),
        _ => bail!("a first CUDA kernel did not run: is the CUDA toolkit (NVRTC) of the driver's version there?"),
    }
}

#[cfg(not(feature = "cuda"))]
fn open_cuda(index: usize) -> Result<(Device, String)> {
    bail!("no CUDA device {index}: this program was built without the feature cuda")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written() {
        for (text, name) in [("cpu", DeviceName::Cpu), ("wgpu", DeviceName::Wgpu), ("cuda:2", DeviceName::Cuda(2))] {
            assert_eq!(text.parse(), Ok(name));
            assert_eq!(name.to_string(), text);
        }
        assert_eq!("cuda".parse(), Ok(DeviceName::Cuda(0)));
        assert!("cuda:x".parse::<DeviceName>().is_err() && "tpu".parse::<DeviceName>().is_err());
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_device_that_is_not_built_in_says_so() {
        let message = open(DeviceName::Cuda(0)).expect_err("not built in").to_string();
        assert!(message.contains("without the feature cuda"), "{message}");
    }
}
