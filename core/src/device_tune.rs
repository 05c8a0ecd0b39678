//! Which kernel multiplies matrices on a GPU: burn's or Hone's, whichever is faster on that GPU.
//!
//! Kernels that win on one GPU lose on another, and nobody has them all to measure on; so each device is asked, once,
//! when it is opened, on products of the kind that training a small model makes.

use burn::tensor::{Device, Tensor};

use crate::device_check::DeviceCheckError;
use crate::kernels::{MatmulKernel, matmul, set_matmul_kernel};

/// Hone's kernel has to be faster by this: below it, noise would decide, and runs would differ in their last digits.
const MARGIN: f64 = 1.25;
/// Rounds are timed together where one takes less than this, for clocks are coarse in browsers.
const SHORT_MS: f64 = 20.0;
const ROUNDS: usize = 20;
/// Both are timed this often in turns, and the best time of each counts, unless that takes too long.
const TURNS: usize = 3;
const LONG_MS: f64 = 1000.0;

/// What was measured, and what is used from now on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MatmulChoice {
    /// What is used.
    pub kernel: MatmulKernel,
    /// Milliseconds of a round of products by burn's kernel.
    pub burn_ms: f64,
    /// The same by Hone's.
    pub hone_ms: f64,
}

impl std::fmt::Display for MatmulChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [chosen, other, chosen_ms, other_ms] = match self.kernel {
            MatmulKernel::Hone => ["Hone", "burn", &format!("{:.1}", self.hone_ms), &format!("{:.1}", self.burn_ms)],
            MatmulKernel::Burn => ["burn", "Hone", &format!("{:.1}", self.burn_ms), &format!("{:.1}", self.hone_ms)],
        };
        write!(f, "matrix products by {chosen}'s kernel, {chosen_ms} ms beside {other}'s {other_ms} ms")
    }
}

/// Measures both kernels on `device` (a GPU, without autodiff) and keeps the faster for this process.
///
/// `now_ms` is a clock.
///
/// # Errors
/// When a result can't be read back.
pub async fn choose_matmul_kernel(device: &Device, now_ms: &dyn Fn() -> f64) -> Result<MatmulChoice, DeviceCheckError> {
    let measured = measure(device, now_ms).await;
    set_matmul_kernel(MatmulKernel::Burn);
    let [burn_ms, hone_ms] = measured?;
    let kernel = if burn_ms > hone_ms * MARGIN { MatmulKernel::Hone } else { MatmulKernel::Burn };
    set_matmul_kernel(kernel);
    Ok(MatmulChoice { kernel, burn_ms, hone_ms })
}

/// Milliseconds of a round by burn's kernel and by Hone's, both timed in the same way: as many rounds to a reading, and
/// less what the reading itself takes, which is a hundred milliseconds in some browsers.
async fn measure(device: &Device, now_ms: &dyn Fn() -> f64) -> Result<[f64; 2], DeviceCheckError> {
    let timed = async |count: usize| -> Result<f64, DeviceCheckError> {
        let start = now_ms();
        round(count, device).await?;
        Ok(now_ms() - start)
    };
    let kernels = [MatmulKernel::Burn, MatmulKernel::Hone];
    let (mut reading, mut once) = (f64::INFINITY, f64::INFINITY);
    for kernel in kernels {
        set_matmul_kernel(kernel);
        timed(1).await?; // compiles
        reading = reading.min(timed(0).await?);
        once = once.min(timed(1).await?);
    }
    let count = if once - reading < SHORT_MS { ROUNDS } else { 1 };
    let mut best = [f64::INFINITY; 2];
    let start = now_ms();
    for _ in 0..TURNS {
        for (kernel, best) in kernels.into_iter().zip(&mut best) {
            set_matmul_kernel(kernel);
            *best = best.min((timed(count).await? - reading).max(0.0) / count as f64);
        }
        if now_ms() - start > LONG_MS {
            break;
        }
    }
    Ok(best)
}

/// What a layer of width 384 and twelve heads multiplies for eight texts of 64 tokens, forward and backward.
async fn round(count: usize, device: &Device) -> Result<(), DeviceCheckError> {
    let mut x = Tensor::<2>::full([512, 384], 0.01, device);
    let mut weight = Tensor::<2>::full([384, 384], 0.01, device);
    for _ in 0..count {
        let y = matmul(x.clone(), weight.clone());
        let query = y.clone().reshape([8, 64, 12, 32]).swap_dims(1, 2); // [batch, heads, seq, head_dim]
        let scores = matmul(query.clone(), query.clone().swap_dims(2, 3)); // [batch, heads, seq, seq]
        let mixed = matmul(scores, query).swap_dims(1, 2).reshape([512, 384]);
        let gradient = matmul(mixed.clone().transpose(), y);
        x = matmul(mixed, weight.clone().transpose()).clamp(0.0, 0.01);
        weight = (weight + gradient).clamp(0.0, 0.01);
    }
    let name = "matrix products, to measure them";
    let sums = (x.sum() + weight.sum()).into_data_async().await;
    sums.map(drop).map_err(|source| DeviceCheckError::Read { name, source })
}
