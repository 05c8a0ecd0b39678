//! Hone's own matrix product on a GPU gives what the CPU gives, and so do its gradients and every operation that a device
//! is checked for before it is trained on.

use burn::tensor::{Distribution, Tensor};
use futures_lite::future::block_on;
use hone_core::device_check::{check_decoder, check_device};
use hone_core::kernels::{MatmulKernel, matmul, set_matmul_kernel};
use hone_tests::figure::demand;
use hone_tests::{devices, products};

#[test]
fn products_and_gradients_agree_with_the_cpu() {
    let Some(gpu) = devices::wgpu() else { return };
    set_matmul_kernel(MatmulKernel::Hone);
    demand(&products::compare(&gpu, &devices::cpu()));
}

/// A frozen operand takes no gradient, and does not keep the other from having one.
#[test]
fn a_frozen_operand_is_a_constant() {
    let Some(gpu) = devices::wgpu() else { return };
    set_matmul_kernel(MatmulKernel::Hone);
    let device = gpu.autodiff();
    let x = Tensor::<2>::random([16, 32], Distribution::Default, &device).require_grad();
    let frozen = Tensor::<2>::random([32, 8], Distribution::Default, &device);
    let gradients = matmul(x.clone(), frozen.clone()).sum().backward();
    let expected = frozen.clone().inner().sum_dim(1).transpose().into_data();
    let found = x.grad(&gradients).expect("it is tracked").narrow(0, 3, 1).into_data();
    found.assert_approx_eq::<f32>(&expected, burn::tensor::Tolerance::default());
    assert!(frozen.grad(&gradients).is_none());
}

#[test]
fn every_checked_operation_agrees_with_the_cpu() {
    let Some(gpu) = devices::wgpu() else { return };
    let cpu = devices::cpu();
    let of_all = block_on(check_device(&gpu, &cpu)).expect("the devices can be read");
    let of_decoders = block_on(check_decoder(&gpu, &cpu)).expect("the devices can be read");
    let wrong: Vec<_> = of_all.iter().chain(&of_decoders).filter(|check| !check.passed).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(of_all.iter().any(|check| check.error > 0.0), "two devices never agree to the last bit everywhere");
}
