//! Which device computes: found, described, checked against the CPU, chosen, with the reason in one sentence.
//!
//! WebGPU where the adapter is hardware and its arithmetic is right; otherwise the CPU in wasm. A software adapter is
//! slower than wasm on the same cores, so it is used only when asked for. Each opening makes a device of its own, so
//! that a lost one can be replaced within the same worker.

use burn::tensor::wgpu::{WgpuSetup, wgpu};
use burn::tensor::{Device, Tensor};
use hone_core::device_check::{check_decoder, check_device};
use hone_core::device_tune::choose_matmul_kernel;
use hone_core::kernels::{MatmulKernel, set_matmul_kernel};
use hone_core::session::protocol::{Backend, DeviceCheck, DeviceReport, MemoryReport, Problem};
use js_sys::{Function, Object, Promise, Reflect, WebAssembly};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use crate::clock;
use crate::errors;
use crate::fault::Fault;

/// Parts of an adapter's description that give a software rasteriser away.
const SOFTWARE_NAMES: &[&str] = &["swiftshader", "llvmpipe", "lavapipe", "microsoft basic", "(warp)"];

/// A device that is ready to compute.
pub(crate) struct OpenDevice {
    pub(crate) device: Device,
    pub(crate) report: DeviceReport,
    fault: Fault,
    gpu: Option<wgpu::Device>,
    /// What language models need was checked too.
    is_checked_for_texts: bool,
}

impl OpenDevice {
    /// Looks for an adapter, opens and checks it, and falls back on the CPU with the reason.
    pub(crate) async fn open(prefer: Option<Backend>) -> Self {
        let adapter = match Adapter::find().await {
            Ok(adapter) => adapter,
            Err(reason) => return Self::cpu(None, Vec::new(), reason),
        };
        if prefer == Some(Backend::Cpu) {
            return Self::cpu(Some(&adapter), Vec::new(), "the CPU was asked for".into());
        }
        if adapter.is_software && prefer != Some(Backend::Webgpu) {
            let reason = format!("{} is a software adapter, and the CPU in wasm is faster than that", adapter.name);
            return Self::cpu(Some(&adapter), Vec::new(), reason);
        }
        let mut checked = Gpu::open_and_check(true).await;
        if checked.as_ref().is_err_and(|unfit| unfit.may_be_hones_kernel) {
            checked = Gpu::open_and_check(false).await;
        }
        let Gpu { device, gpu, fault, checks, matmul } = match checked {
            Ok(checked) => checked,
            Err(Unfit { checks, reason, .. }) => {
                return Self::cpu(Some(&adapter), checks, format!("{} {reason}", adapter.name));
            }
        };
        let why = if prefer.is_some() { "was asked for" } else { "is a GPU" };
        let reason = format!("{} {why}, and computes rightly{matmul}", adapter.name);
        let report = adapter.report(Backend::Webgpu, adapter.name.clone(), reason, checks);
        Self { device, report, fault, gpu: Some(gpu), is_checked_for_texts: false }
    }

    fn cpu(adapter: Option<&Adapter>, checks: Vec<DeviceCheck>, reason: String) -> Self {
        let none = Adapter::default();
        let mut report = adapter.unwrap_or(&none).report(Backend::Cpu, "CPU (wasm, SIMD)".to_owned(), reason, checks);
        report.has_webgpu = adapter.is_some();
        // The CPU is what others are checked against.
        Self { device: Device::flex(), report, fault: Fault::none(), gpu: None, is_checked_for_texts: true }
    }

    /// Checks what language models compute and classifiers do not, once.
    ///
    /// # Errors
    /// Names what is computed wrongly.
    pub(crate) async fn check_for_texts(&mut self) -> Result<(), Problem> {
        if self.is_checked_for_texts {
            return Ok(());
        }
        let checks = check_decoder(&self.device, &Device::flex()).await;
        crate::macrotask::Macrotask::new().pass().await;
        if let Some(problem) = self.fault() {
            return Err(problem);
        }
        let checks = checks.map_err(|error| errors::computes_wrongly(&self.report.name, &error.to_string()))?;
        if let Some(wrong) = failed(&checks) {
            return Err(errors::computes_wrongly(&self.report.name, &wrong));
        }
        self.report.checks.extend(checks);
        self.is_checked_for_texts = true;
        Ok(())
    }

    /// Waits until it has done what it was given. One that was lost meanwhile gives no answer.
    ///
    /// # Errors
    /// When it does not answer.
    pub(crate) async fn settle(&self) -> Result<(), Problem> {
        let answer = Tensor::<1>::zeros([1], &self.device).into_data_async().await;
        answer.map(drop).map_err(|error| errors::device_failed(&error.to_string()))
    }

    /// What the GPU has done wrong, if anything.
    pub(crate) fn fault(&self) -> Option<Problem> {
        self.fault.get().map(|fault| errors::device_failed(&fault))
    }

    /// Whether it failed as a GPU does that has too little memory.
    pub(crate) fn may_lack_memory(&self) -> bool {
        self.fault.may_be_memory()
    }

    /// Destroys the GPU device: to rehearse its loss, or to give its memory back.
    pub(crate) fn destroy(&self) {
        if let Some(gpu) = &self.gpu {
            gpu.destroy();
        }
    }

    /// Bytes held by the allocator and by wasm.
    pub(crate) fn memory(&self) -> MemoryReport {
        let usage = match self.report.backend {
            Backend::Webgpu if self.fault.get().is_none() => self.device.memory_pool_usage(),
            _ => None,
        };
        MemoryReport {
            gpu_reserved: usage.as_ref().map_or(0, |usage| usage.bytes_reserved),
            gpu_in_use: usage.as_ref().map_or(0, |usage| usage.bytes_in_use),
            wasm: wasm_bytes(),
            ..MemoryReport::default()
        }
    }
}

/// A GPU that passed its checks.
struct Gpu {
    device: Device,
    gpu: wgpu::Device,
    fault: Fault,
    checks: Vec<DeviceCheck>,
    /// Which kernel multiplies matrices, and why; empty where it was not asked.
    matmul: String,
}

/// A GPU that is not used.
struct Unfit {
    checks: Vec<DeviceCheck>,
    reason: String,
    /// Hone's own kernel was run, so that the driver may do well with burn's.
    may_be_hones_kernel: bool,
}

impl Gpu {
    /// Opens a device, lets its two kernels for products race if it `may_choose`, and checks it.
    async fn open_and_check(may_choose: bool) -> Result<Self, Unfit> {
        let (device, gpu) = open_gpu().await.map_err(|error| Unfit {
            checks: Vec::new(),
            reason: format!("could not be opened: {error}"),
            may_be_hones_kernel: false,
        })?;
        let fault = Fault::watch(&gpu);
        set_matmul_kernel(MatmulKernel::Burn);
        let choice = match may_choose {
            true => choose_matmul_kernel(&device, &clock::now_ms).await.ok(),
            false => None,
        };
        let checks = check_device(&device, &Device::flex()).await;
        // Errors of the last shaders arrive in tasks of their own.
        crate::macrotask::Macrotask::new().pass().await;
        let (checks, wrong) = match checks {
            Ok(checks) => {
                let wrong = failed(&checks).map(|failed| format!("it computes wrongly ({failed})"));
                (checks, wrong)
            }
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        let has_hones = choice.is_none_or(|choice| choice.kernel == MatmulKernel::Hone);
        let may_be_hones_kernel = may_choose && (has_hones || fault.get().is_some());
        match fault.get().or(wrong) {
            Some(wrong) => {
                gpu.destroy();
                Err(Unfit { checks, reason: format!("failed its check: {wrong}"), may_be_hones_kernel })
            }
            None => {
                let matmul = choice.map(|choice| format!("; {choice}")).unwrap_or_default();
                Ok(Self { device, gpu, fault, checks, matmul })
            }
        }
    }
}

/// The names of checks that did not pass.
fn failed(checks: &[DeviceCheck]) -> Option<String> {
    let failed: Vec<_> = checks.iter().filter(|check| !check.passed).map(|check| check.name.as_str()).collect();
    (!failed.is_empty()).then(|| failed.join("; "))
}

/// Size of the worker's wasm memory.
pub(crate) fn wasm_bytes() -> u64 {
    let memory: WebAssembly::Memory = wasm_bindgen::memory().unchecked_into();
    Reflect::get(&memory.buffer(), &"byteLength".into()).ok().and_then(|bytes| bytes.as_f64()).unwrap_or(0.0) as u64
}

/// A device of our own rather than burn's default one: that can be opened only once in a module's life.
async fn open_gpu() -> Result<(Device, wgpu::Device), String> {
    let backend = wgpu::Backend::BrowserWebGpu;
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends: wgpu::Backends::BROWSER_WEBGPU,
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    let options = wgpu::RequestAdapterOptions {
        power_preference: wgpu::PowerPreference::HighPerformance,
        ..wgpu::RequestAdapterOptions::default()
    };
    let adapter = instance.request_adapter(&options).await.map_err(|error| error.to_string())?;
    let unwanted = wgpu::Features::MAPPABLE_PRIMARY_BUFFERS.union(wgpu::Features::all_experimental_mask());
    let descriptor = wgpu::DeviceDescriptor {
        required_features: adapter.features().difference(unwanted),
        required_limits: adapter.limits(),
        memory_hints: wgpu::MemoryHints::MemoryUsage,
        ..wgpu::DeviceDescriptor::default()
    };
    let (gpu, queue) = adapter.request_device(&descriptor).await.map_err(|error| error.to_string())?;
    let setup = WgpuSetup { instance, adapter, device: gpu.clone(), queue, backend };
    let device = Device::wgpu_options().setup(setup).init().map_err(|error| error.to_string())?;
    Ok((device, gpu))
}

/// What the browser says about its adapter. Read by name, as not every browser has every property.
#[derive(Default)]
struct Adapter {
    name: String,
    is_software: bool,
    max_buffer_size: u64,
    max_storage_buffer_binding_size: u64,
    has_shader_f16: bool,
    has_subgroups: bool,
}

impl Adapter {
    /// The adapter that wgpu will get too, or why there is none, as the reason for the CPU.
    async fn find() -> Result<Self, String> {
        let none = || "this browser has no WebGPU here".to_owned();
        let navigator = property(&js_sys::global(), "navigator").ok_or_else(none)?;
        let gpu = property(&navigator, "gpu").ok_or_else(none)?;
        let request: Function = property(&gpu, "requestAdapter").and_then(|f| f.dyn_into().ok()).ok_or_else(none)?;
        let options = Object::new();
        let _ = Reflect::set(&options, &"powerPreference".into(), &"high-performance".into());
        let refused = |error: JsValue| format!("WebGPU gave no adapter: {}", errors::js_text(&error));
        let promise: Promise = request.call1(&gpu, &options).map_err(refused)?.unchecked_into();
        let adapter = JsFuture::from(promise).await.map_err(refused)?;
        if adapter.is_null() || adapter.is_undefined() {
            return Err("this browser has WebGPU, but no adapter for it".into());
        }
        Ok(Self::describe(&adapter))
    }

    fn describe(adapter: &JsValue) -> Self {
        let info = property(adapter, "info").unwrap_or(JsValue::UNDEFINED);
        let text = |key: &str| property(&info, key).and_then(|value| value.as_string()).unwrap_or_default();
        let (vendor, architecture) = (text("vendor"), text("architecture"));
        let (device, description) = (text("device"), text("description"));
        let everything = format!("{vendor} {architecture} {device} {description}").to_lowercase();
        let is_fallback = |of: &JsValue| property(of, "isFallbackAdapter").is_some_and(|value| value.is_truthy());
        let named_software = SOFTWARE_NAMES.iter().any(|name| everything.contains(name));

        let name = match (vendor.as_str(), architecture.as_str()) {
            _ if !description.is_empty() => description,
            ("", "") => "GPU (the browser does not name it)".into(),
            (vendor, "") => vendor.into(),
            ("", architecture) => architecture.into(),
            (vendor, architecture) => format!("{vendor} ({architecture})"),
        };
        let limits = property(adapter, "limits").unwrap_or(JsValue::UNDEFINED);
        let limit = |key: &str| property(&limits, key).and_then(|value| value.as_f64()).unwrap_or(0.0) as u64;
        let features = property(adapter, "features").unwrap_or(JsValue::UNDEFINED);
        let has = |feature: &str| {
            let has: Option<Function> = property(&features, "has").and_then(|f| f.dyn_into().ok());
            has.and_then(|has| has.call1(&features, &feature.into()).ok()).is_some_and(|found| found.is_truthy())
        };
        Self {
            name,
            is_software: named_software || is_fallback(adapter) || is_fallback(&info),
            max_buffer_size: limit("maxBufferSize"),
            max_storage_buffer_binding_size: limit("maxStorageBufferBindingSize"),
            has_shader_f16: has("shader-f16"),
            has_subgroups: has("subgroups"),
        }
    }

    fn report(&self, backend: Backend, name: String, reason: String, checks: Vec<DeviceCheck>) -> DeviceReport {
        DeviceReport {
            backend,
            name,
            is_software: self.is_software,
            has_webgpu: true,
            reason,
            max_buffer_size: self.max_buffer_size,
            max_storage_buffer_binding_size: self.max_storage_buffer_binding_size,
            has_shader_f16: self.has_shader_f16,
            has_subgroups: self.has_subgroups,
            checks,
        }
    }
}

/// `None` for what is missing, null or undefined.
fn property(of: &JsValue, key: &str) -> Option<JsValue> {
    Reflect::get(of, &key.into()).ok().filter(|value| !value.is_null() && !value.is_undefined())
}
