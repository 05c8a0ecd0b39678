//! What computes: a chip with the device's name that opens to its limits and the checks it passed.

use std::sync::Arc;

use hone_core::session::protocol::{Backend, DeviceReport};
use leptos::prelude::*;

use super::table_head;
use crate::format;

/// The chip. `None` while the device is being opened, or where there is none.
#[component]
pub(crate) fn DeviceChip(
    device: Signal<Option<Arc<DeviceReport>>>,
    /// What stands there instead of a device.
    missing: Signal<&'static str>,
) -> impl IntoView {
    let summary = move || match device.get() {
        Some(device) => {
            let backend = match (device.backend, device.is_software) {
                (Backend::Webgpu, false) => "WebGPU",
                (Backend::Webgpu, true) => "WebGPU, software",
                (Backend::Cpu, _) => "CPU",
            };
            format!("{} · {backend}", device.name)
        }
        None => missing.get().to_string(),
    };
    let backend =
        move || device.with(|d| d.as_ref().map(|d| if d.backend == Backend::Webgpu { "webgpu" } else { "cpu" }));
    view! {
        <details class="pop" name="chips">
            <summary class="chip" data-testid="device-chip" data-backend=backend>
                <span class="dot" class:ok=move || device.with(Option::is_some) aria-hidden="true"></span>
                <span class="chip-text">{summary}</span>
            </summary>
            <div class="pop-body" role="group" aria-label="Device">
                {move || device.get().map(|device| details(&device))}
            </div>
        </details>
    }
    .into_any()
}

fn details(device: &DeviceReport) -> AnyView {
    let yes_no = |yes: bool| if yes { "yes" } else { "no" };
    let limit = |bytes: u64| if bytes == 0 { "no adapter".to_string() } else { format::bytes(bytes as f64) };
    let rows = [
        ("WebGPU adapter", yes_no(device.has_webgpu).to_string()),
        ("Software adapter", yes_no(device.is_software).to_string()),
        ("Largest buffer", limit(device.max_buffer_size)),
        ("Largest storage binding", limit(device.max_storage_buffer_binding_size)),
        ("Half precision (f16)", yes_no(device.has_shader_f16).to_string()),
        ("Subgroups", yes_no(device.has_subgroups).to_string()),
    ];
    let rows = rows.map(|(name, value)| view! { <div><dt>{name}</dt><dd>{value}</dd></div> }.into_any());
    let checks = device.checks.iter().map(|check| {
        let verdict = if check.passed { "right" } else { "wrong" };
        view! {
            <tr class:bad=!check.passed>
                <td>{check.name.clone()}</td>
                <td class="number">{format!("{:.1e}", check.error)}</td>
                <td>{verdict}</td>
            </tr>
        }
    });
    let checks = checks.collect_view();
    let table = (!device.checks.is_empty()).then(move || {
        view! {
            <div class="scroll" tabindex="0" role="region" aria-label="Checks">
                <table>
                    <caption>"Compared with the CPU before anything is trained on it"</caption>
                    {table_head(&["Operation", "Difference", "Result"])}
                    <tbody>{checks}</tbody>
                </table>
            </div>
        }
    });
    view! {
        <p>{device.reason.clone()}</p>
        <dl class="pairs">{rows.into_iter().collect_view()}</dl>
        {table}
    }
    .into_any()
}
