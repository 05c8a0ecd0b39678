//! The surface of `cubecl-llvm` 0.11.3 that `cubecl-cuda` names, without LLVM.
//!
//! `cubecl-cuda` compiles kernels either as CUDA C++ through NVRTC or through LLVM, and always links both. Hone takes
//! the first (`cuda-cpp`), so that no build downloads an LLVM: here the second is a compiler that refuses.

use cubecl_core::ir::nvidia::SmArch;
use cubecl_core::prelude::KernelDefinition;
use cubecl_server::compiler::CompilationError;
use cubecl_server::kernel::BufferIOAttr;

/// What the runtime knows of PTX.
pub mod nvptx {
    /// The PTX version of a driver.
    pub mod ptx_version {
        /// A PTX version; none is ever made here.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub struct PtxVersion(());

        impl PtxVersion {
            /// None: nothing here emits PTX.
            #[must_use]
            pub fn for_driver(_driver: i32) -> Option<Self> {
                None
            }
        }

        impl core::fmt::Display for PtxVersion {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str("none")
            }
        }
    }
}

/// What LLVM would lower.
pub mod shared {
    /// Features of a device that LLVM can use.
    pub mod lowered_features {
        use cubecl_core::ir::DeviceProperties;

        /// What code is made for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum GpuTarget {
            /// NVIDIA.
            Nvptx,
        }

        /// Leaves the properties as they are; only the LLVM backend asks.
        pub fn restrict_features(_properties: &mut DeviceProperties, _target: GpuTarget) {}
    }
}

/// What code is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LlvmTarget {
    /// NVIDIA.
    Nvptx,
}

/// The compiler that refuses.
#[derive(Clone, Debug)]
pub struct PlironCompiler {
    /// What code would be made for.
    pub target: LlvmTarget,
}

/// Its options.
#[derive(Clone, Debug, Default)]
pub struct PlironOptions {
    /// AMD architecture.
    pub arch: Option<()>,
    /// NVIDIA architecture.
    pub sm_arch: Option<SmArch>,
    /// PTX version.
    pub ptx_version: Option<nvptx::ptx_version::PtxVersion>,
    /// Launch parameters as grid constants.
    pub grid_constants: bool,
}

/// What it would make.
#[derive(Clone)]
pub enum PlironArtifact {
    /// For NVIDIA.
    NvptxCode(NvptxModule),
    /// For other targets.
    Other,
}

/// A compiled kernel.
#[derive(Clone, Debug)]
pub struct NvptxModule {
    /// PTX text.
    pub ptx: Vec<core::ffi::c_char>,
    /// Entry point.
    pub entrypoint: String,
    /// LLVM's text.
    pub ir: String,
    /// Shared memory in bytes.
    pub shared_memory_size: usize,
    /// How buffers are used.
    pub io: Vec<BufferIOAttr>,
}

impl PlironCompiler {
    /// Refuses.
    ///
    /// # Errors
    /// Always.
    pub fn compile(
        &mut self,
        _kernel: KernelDefinition,
        _options: &PlironOptions,
    ) -> Result<PlironArtifact, CompilationError> {
        Err(CompilationError::Validation {
            reason: "this build has no LLVM: kernels are compiled as CUDA C++ by NVRTC".into(),
            backtrace: cubecl_environment::backtrace::BackTrace::capture(),
        })
    }

    /// Tag for logs.
    #[must_use]
    pub fn lang_tag(&self) -> &'static str {
        "ll"
    }
}
