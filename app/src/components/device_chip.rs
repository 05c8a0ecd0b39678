//! What computes: a chip with the device's name that opens to its limits and the checks it passed.

use std::sync::Arc;

use hone_core::session::protocol::{Backend, DeviceReport};
use leptos::prelude::*;

use super::{Cell, facts, table};
use crate::format;

/// The chip. `None` while the device is being opened, or where there is none.
#[component]
pub(crate) fn DeviceChip(
    device: Signal<Option<Arc<DeviceReport>>>,
    /// What stands there instead of a device.
    missing: Signal<&'static str>,
) -> impl IntoView {
    let backend = move || device.with(|device| device.as_ref().map(|device| device.backend));
    let kind = move || match backend() {
        Some(Backend::Webgpu) => "WebGPU",
        Some(Backend::Cpu) => "CPU",
        None => missing.get(),
    };
    // What a narrow page leaves out. The CPU's name begins with what it is.
    let name = move || match device.get() {
        Some(device) => match device.name.strip_prefix("CPU") {
            Some(rest) => rest.to_string(),
            None if device.is_software => format!(" · {}, software", device.name),
            None => format!(" · {}", device.name),
        },
        None => String::new(),
    };
    let id = move || backend().map(|backend| if backend == Backend::Webgpu { "webgpu" } else { "cpu" });
    view! {
        <details class="pop" name="chips">
            <summary class="chip" data-testid="device-chip" data-backend=id>
                <span class="dot" class:ok=move || device.with(Option::is_some) aria-hidden="true"></span>
                <span class="chip-text">{kind}<span class="on-wide">{name}</span></span>
            </summary>
            <div class="pop-body" role="group" aria-label="Device" tabindex="0">
                {move || device.get().map(|device| details(&device))}
            </div>
        </details>
    }
    .into_any()
}

fn details(device: &DeviceReport) -> AnyView {
    let yes_no = |yes: bool| if yes { "yes" } else { "no" };
    let limit = |bytes: u64| if bytes == 0 { "no adapter".to_string() } else { format::bytes(bytes as f64) };
    let rows = vec![
        ("WebGPU adapter", yes_no(device.has_webgpu).to_string()),
        ("Software adapter", yes_no(device.is_software).to_string()),
        ("Largest buffer", limit(device.max_buffer_size)),
        ("Largest storage binding", limit(device.max_storage_buffer_binding_size)),
        ("Half precision (f16)", yes_no(device.has_shader_f16).to_string()),
        ("Subgroups", yes_no(device.has_subgroups).to_string()),
    ];
    let checks = device.checks.iter().map(|check| {
        let verdict = if check.passed { Cell::new("", "right") } else { Cell::new("worse", "wrong") };
        vec![check.name.to_string().into(), Cell::number(format!("{:.1e}", check.error)), verdict]
    });
    let checks = (!device.checks.is_empty()).then(|| {
        view! {
            <p class="hint">"Compared with the CPU before anything is trained on it:"</p>
            {table("Checks", "", &["Operation", "Difference", "Result"], checks.collect())}
        }
    });
    view! {
        <p>{device.reason.clone()}</p>
        {facts("pairs", rows)}
        {checks}
    }
    .into_any()
}
