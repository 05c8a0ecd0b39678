//! What is known of the device that computes: which it is, what it can hold, and how its results compare with the CPU's.
//! Plain values, for the page and for whoever checks the device.

use serde::{Deserialize, Serialize};

/// What computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    /// The GPU, through WebGPU.
    Webgpu,
    /// The CPU, in wasm with SIMD (burn-flex).
    Cpu,
}

/// One comparison of the device with the CPU.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeviceCheck {
    /// Operation and shape, e.g. `matmul [16, 64, 384] x [384, 1536]`.
    pub name: String,
    /// Largest absolute difference from the CPU, relative to the largest value.
    pub error: f64,
    /// Within tolerance.
    pub passed: bool,
}

/// The device in use, what was found on the way to it, and why it was chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeviceReport {
    /// What computes.
    pub backend: Backend,
    /// E.g. `nvidia (ampere)`, `SwiftShader`, `CPU (wasm, SIMD)`.
    pub name: String,
    /// The WebGPU adapter is a software rasteriser.
    pub is_software: bool,
    /// There is a WebGPU adapter at all.
    pub has_webgpu: bool,
    /// Why this backend, in one sentence.
    pub reason: String,
    /// Largest buffer in bytes (0 where there is no adapter).
    pub max_buffer_size: u64,
    /// Largest storage binding in bytes.
    pub max_storage_buffer_binding_size: u64,
    /// The adapter can compute in f16.
    pub has_shader_f16: bool,
    /// The adapter has subgroups.
    pub has_subgroups: bool,
    /// The comparisons with the CPU; empty on the CPU.
    pub checks: Vec<DeviceCheck>,
}
