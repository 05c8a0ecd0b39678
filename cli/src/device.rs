//! What computes: the only file that asks which device features this build has.
//!
//! `auto` takes CUDA if it is compiled in and a driver is there, else a hardware adapter through wgpu (a software
//! rasteriser is slower than the CPU backend), else the CPU.

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

/// What `--device` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DeviceChoice {
    #[default]
    Auto,
    Cpu,
    Wgpu,
    Cuda,
}

impl DeviceChoice {
    const NAMES: [(&'static str, Self); 4] =
        [("auto", Self::Auto), ("cpu", Self::Cpu), ("wgpu", Self::Wgpu), ("cuda", Self::Cuda)];

    /// Reads `auto`, `cpu`, `wgpu` or `cuda`.
    ///
    /// # Errors
    /// What would have been right.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let found = Self::NAMES.iter().find(|(name, _)| *name == text);
        found.map(|(_, choice)| *choice).ok_or_else(|| format!("{text:?} is not one of auto, cpu, wgpu, cuda"))
    }
}

/// A device that is open, and how a person knows it.
#[derive(Debug, Clone)]
pub(crate) struct OpenDevice {
    /// Plain, without autodiff.
    pub(crate) device: Device,
    /// E.g. `cuda: 1 device`, `wgpu: NVIDIA T4 (vulkan)`, `cpu`.
    pub(crate) name: String,
}

/// Opens what was chosen.
///
/// # Errors
/// When it isn't compiled in, or isn't there; with what to do.
pub(crate) fn open(choice: DeviceChoice) -> anyhow::Result<OpenDevice> {
    match choice {
        DeviceChoice::Cpu => cpu::open(),
        DeviceChoice::Wgpu => wgpu::open(),
        DeviceChoice::Cuda => cuda::open(),
        DeviceChoice::Auto => {
            if let Ok(device) = cuda::open() {
                return Ok(device);
            }
            if let Some(device) = wgpu::open_hardware() {
                return Ok(device);
            }
            // A build without `cpu` still has a software adapter to fall back to.
            cpu::open().or_else(|error| wgpu::open().map_err(|_| error))
        }
    }
}

#[cfg(not(all(feature = "cpu", feature = "wgpu", feature = "cuda")))]
fn not_built(feature: &str) -> anyhow::Error {
    anyhow::anyhow!(
        "this hone was built without {feature}: in its source folder, run cargo install --locked --path cli --features {feature}"
    )
}

#[cfg(feature = "cpu")]
mod cpu {
    use super::{Device, OpenDevice};

    #[expect(clippy::unnecessary_wraps, reason = "the same shape as its twin in a build without this device")]
    pub(super) fn open() -> anyhow::Result<OpenDevice> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let unit = if threads == 1 { "thread" } else { "threads" };
        Ok(OpenDevice { device: Device::flex(), name: format!("cpu ({threads} {unit})") })
    }
}

#[cfg(not(feature = "cpu"))]
mod cpu {
    pub(super) fn open() -> anyhow::Result<super::OpenDevice> {
        Err(super::not_built("cpu"))
    }
}

#[cfg(feature = "wgpu")]
mod wgpu {
    use std::time::Instant;

    use burn::tensor::wgpu::WgpuBackend;
    use burn::tensor::wgpu::wgpu::DeviceType;
    use futures_lite::future::block_on;
    use hone_core::device_tune::choose_matmul_kernel;

    use super::{Device, OpenDevice};

    /// Whatever adapter there is, software too: it was asked for by name.
    pub(super) fn open() -> anyhow::Result<OpenDevice> {
        let (device, is_hardware) = adapter()?;
        if !is_hardware {
            crate::progress::say("note: this adapter is a software rasteriser; --device cpu is usually faster");
        }
        Ok(tuned(device))
    }

    /// A real GPU or nothing.
    pub(super) fn open_hardware() -> Option<OpenDevice> {
        adapter().ok().and_then(|(device, is_hardware)| is_hardware.then(|| tuned(device)))
    }

    fn adapter() -> anyhow::Result<(OpenDevice, bool)> {
        // Without a desktop session Mesa's OpenGL has nothing that Vulkan has not.
        let has_session = ["WAYLAND_DISPLAY", "DISPLAY"].iter().any(|name| std::env::var_os(name).is_some());
        let is_headless = std::env::consts::OS == "linux" && !has_session;
        let api = if is_headless { WgpuBackend::Vulkan } else { WgpuBackend::Auto };
        let (device, setup) = Device::wgpu_options().graphics_api(api).init_with_setup().map_err(|error| {
            anyhow::anyhow!("no GPU adapter could be opened through wgpu (--device cpu needs none): {error}")
        })?;
        let info = setup.adapter.get_info();
        let is_hardware = info.device_type != DeviceType::Cpu;
        let name = format!("wgpu: {} ({})", info.name, info.backend);
        Ok((OpenDevice { device, name }, is_hardware))
    }

    /// With the faster of two kernels for products; where that can't be measured it is burn's, as ever.
    fn tuned(open: OpenDevice) -> OpenDevice {
        let start = Instant::now();
        let clock = || start.elapsed().as_secs_f64() * 1000.0;
        let _ = block_on(choose_matmul_kernel(&open.device, &clock));
        open
    }
}

#[cfg(not(feature = "wgpu"))]
mod wgpu {
    pub(super) fn open() -> anyhow::Result<super::OpenDevice> {
        Err(super::not_built("wgpu"))
    }

    pub(super) fn open_hardware() -> Option<super::OpenDevice> {
        None
    }
}

#[cfg(feature = "cuda")]
mod cuda {
    use std::panic;

    use burn::tensor::{DeviceType, Tensor};

    use super::{Device, OpenDevice};

    pub(super) fn open() -> anyhow::Result<OpenDevice> {
        // Listing asks for libcuda before it loads it, so it is empty rather than a panic where there is no driver.
        let count = quietly(|| Device::enumerate(DeviceType::Cuda).len()).unwrap_or(0);
        if count == 0 {
            anyhow::bail!(
                "no CUDA driver found (libcuda), or it sees no GPU: install NVIDIA's driver, check it with nvidia-smi, \
                 or use --device wgpu or --device cpu"
            );
        }
        let device = Device::cuda(0_usize);
        // Kernels are compiled by NVRTC, which comes with the toolkit and not with the driver.
        let sum = quietly(|| Tensor::<1>::from_floats([1.0, 2.0], &device).sum().into_data().try_to_vec::<f32>().ok());
        if sum.flatten() != Some(vec![3.0]) {
            anyhow::bail!(
                "the CUDA driver is there, but a first kernel did not run: install the CUDA toolkit (NVRTC) of the \
                 driver's version, or use --device wgpu or --device cpu"
            );
        }
        let unit = if count == 1 { "device" } else { "devices, the first is used" };
        Ok(OpenDevice { device, name: format!("cuda ({count} {unit})") })
    }

    /// `f`'s value, or nothing if it panicked; the panic is not printed.
    fn quietly<T>(f: impl FnOnce() -> T) -> Option<T> {
        let hook = panic::take_hook();
        panic::set_hook(Box::new(|_| {}));
        let result = panic::catch_unwind(panic::AssertUnwindSafe(f));
        panic::set_hook(hook);
        result.ok()
    }
}

#[cfg(not(feature = "cuda"))]
mod cuda {
    pub(super) fn open() -> anyhow::Result<super::OpenDevice> {
        Err(super::not_built("cuda"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_has_its_name() {
        for (name, choice) in DeviceChoice::NAMES {
            assert_eq!(DeviceChoice::parse(name), Ok(choice));
            assert_eq!(serde_json::to_value(choice).expect("plain data"), name);
        }
        assert!(DeviceChoice::parse("tpu").expect_err("unknown").contains("auto, cpu, wgpu, cuda"));
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_device_that_is_not_built_in_says_how_to_get_it() {
        let message = open(DeviceChoice::Cuda).expect_err("not built in").to_string();
        assert!(message.contains("built without cuda") && message.contains("--features cuda"), "{message}");
    }
}
