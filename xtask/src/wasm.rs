//! The worker's wasm without functions that can never run in a browser. In: the wasm as it was compiled, with the names of
//! its functions. Out: the same, with a trap in place of each of these.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use wasm_encoder::{CodeSection, Function, Module, RawSection, SectionId};
use wasmparser::{KnownCustom, Name, Parser, Payload, TypeRef};

use crate::proc;

/// Why what multiplies in tiles never runs.
const TILES: &str = "products of matrices that are stored in tiles, and none is";
/// Why kernels beside those that burn asks for never run.
const TUNING: &str = "only tuning chooses it, and that is off";
/// Why kernels on matrix units never run.
const MATRIX_UNITS: &str = "matrix units, which WebGPU does not have";

/// Functions of the worker that are linked and never run. What only they call goes with them. Each becomes a trap: should one be
/// called after all, the worker stops, and does not go wrong. The compiler merges functions that are alike, so a deployed build
/// is tried on both devices before it goes out.
const NEVER_RUN: [Kind; 42] = [
    Kind::of("cubecl_std::quant::view::run_with_quant_type", "kernels on quantized tensors, of which Hone has none"),
    Kind::of("cubecl_std::quant::view::QuantizedViewExpand<Q,NQ,S,F,NF,C>::dequant", "what such kernels read"),
    Kind::of("::packing::view::unpack_int_line::", "reads packed numbers of such tensors"),
    Kind::of("::packing::view::unpack_index_line::", "and packed indices"),
    Kind::of("::packing::view::unpack_fp4_line::", "and packed floats of 4 bits"),
    // A smaller one is, to the byte, what loads tiles of plain numbers (`load_manual`), and may stand for both.
    Kind { smallest: 150, ..Kind::of("::packing::view::unpack_converted_fp4_line::", "and these as other numbers") },
    Kind::of("::packing::view::unpack_byte_line::", "and packed floats of 8 bits"),
    Kind { smallest: 130, ..Kind::of("::quantize_dynamic", "what makes such tensors") },
    // Smaller ones compare and hash settings, as those of other kernels do.
    Kind { smallest: 600, ..Kind::of("<cubek_quant::quantize::", "kernels that make such tensors") },
    Kind { smallest: 600, ..Kind::of("<cubek_quant::dequantize::", "kernels that read them") },
    Kind {
        smallest: 200,
        ..Kind::of(
            "cubecl_std::tensor::view::operations::tensor_map::",
            "tensor maps, which only CUDA has: wgpu refuses them",
        )
    },
    Kind { smallest: 400, ..Kind::of("gemm_f64::", "matrix products of f64, of which no model has tensors") },
    // Products of matrices that are stored in tiles. Small functions of these crates stand for others, too: those that push onto a
    // sequence, among them. Of `cubek_tile::space` one numbers the groups of other kernels.
    Kind::large("cubek_matmul::tiled::", TILES),
    Kind::large("cubek_tile::tile::", TILES),
    Kind::large("cubek_tile::ops::", TILES),
    Kind::large("cubek_tile::stage::", TILES),
    Kind::large("cubek_tile::launch::", TILES),
    Kind::large("cubek_tile::layout::", TILES),
    // burn asks cubek for a product by matrix units (`SimpleAlgorithm`), which WebGPU does not have, and then for one by plain threads
    // (`SimpleUnitAlgorithm`). The others are there for tuning, which is off (ADR 9).
    Kind::of("cubek_matmul::multi_level::routines::batch::launch::launch_ref_tma", TUNING),
    Kind::large("cubek_matmul::multi_level::routines::gemm::", TUNING),
    Kind::large("cubek_matmul::multi_level::routines::gemv_unit_perpendicular::", TUNING),
    Kind::large("cubek_matmul::multi_level::routines::naive::", TUNING),
    Kind::large("::components::batch::gemm::matmul::base::", TUNING),
    Kind::large("::components::batch::gemv_unit_perpendicular::", TUNING),
    Kind::large("::components::batch::naive::", TUNING),
    Kind { smallest: 300, ..Kind::of("::components::global::multi_stage::", TUNING) },
    Kind::large("::global::read::strategy::async_", TUNING),
    Kind::large("::global::read::strategy::sync_full_strided::", TUNING),
    Kind::large("::global::read::strategy::sync_full_tilewise::", TUNING),
    Kind::large("::global::read::strategy::sync_full_ordered::", TUNING),
    Kind::large("::global::read::strategy::sync_partial_", TUNING),
    Kind::large("::tile::variants::instruction::mma::", MATRIX_UNITS),
    Kind::large("::tile::variants::instruction::cmma::", MATRIX_UNITS),
    Kind::large("::tile::variants::instruction::plane_vec::", TUNING),
    Kind::large("::tile::variants::instruction::interleaved::", TUNING),
    // Without tuning each thread sums for itself.
    Kind::large("cubek_reduce::components::global::plane::", TUNING),
    Kind::large("cubek_reduce::components::global::cube::", TUNING),
    Kind::of(" as pliron::parsable::Parsable>::parse", "parsers of kernels written as text: ours are built in memory"),
    Kind::of("<impl pliron::parsable::Parsable for ", "two more of these"),
    Kind { smallest: 120, ..Kind::of("combine::parser::", "what these parsers are made of") },
    Kind::of(
        " as burn_cubecl_fusion::optim::base::DynFusedOperation>::to_state",
        "writing down what was fused: nothing asks",
    ),
    Kind::of(" as burn_cubecl::fusion::registry::DynProvider>::restore", "reading it again"),
];

/// Functions that never run.
struct Kind {
    /// A part of their paths.
    part: &'static str,
    /// Bytes of a body from which on it is left out. Of functions that hand on what they are given, or do nothing, the compiler keeps
    /// one for all that are alike, under any of their names; of those with a body of their own it does not.
    smallest: usize,
    /// Why they never run.
    reason: &'static str,
}

impl Kind {
    /// Of any size.
    const fn of(part: &'static str, reason: &'static str) -> Self {
        Self { part, smallest: 0, reason }
    }

    /// Of a size that functions have which stand for no others (ADR 47).
    const fn large(part: &'static str, reason: &'static str) -> Self {
        Self { part, smallest: 250, reason }
    }
}

/// Writes `worker` to `to`, with a trap in place of each function that never runs. Where one of the kinds is not in it, as
/// after another version of its crate, that is said.
///
/// # Errors
/// When the wasm cannot be read or written.
pub(crate) fn without_what_never_runs(worker: &Path, to: &Path) -> Result<()> {
    let bytes = std::fs::read(worker).with_context(|| format!("cannot read {}", worker.display()))?;
    let mut dropped = BTreeSet::new();
    let (names, sizes) = (function_names(&bytes)?, body_sizes(&bytes)?);
    for Kind { part, smallest, reason } in NEVER_RUN {
        let is_large = |index: &u32| sizes.get(index).is_some_and(|size| *size >= smallest);
        let found = names.iter().filter(|(index, name)| is_of(name, part) && is_large(index)).map(|(index, _)| *index);
        let before = dropped.len();
        dropped.extend(found);
        if dropped.len() == before {
            proc::say(format!(
                "the worker has no function named {part} to leave out ({reason}): it is a little larger"
            ));
        }
    }
    let bytes = with_traps(&bytes, &dropped)?;
    std::fs::write(to, bytes).with_context(|| format!("cannot write {}", to.display()))
}

/// Whether a function is of a kind that never runs. What drops a value is not: the compiler keeps one such function for all types
/// that are alike, and it may be named after a type within a function that never runs.
fn is_of(path: &str, part: &str) -> bool {
    path.contains(part) && !path.starts_with("core::ptr::drop_in_place")
}

/// The path of a function, whichever way the compiler mangled it.
fn path_of(mangled: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(mangled))
}

/// Index and path of each function.
fn function_names(wasm: &[u8]) -> Result<Vec<(u32, String)>> {
    let mut names = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        let Payload::CustomSection(section) = payload? else { continue };
        let KnownCustom::Name(subsections) = section.as_known() else { continue };
        for subsection in subsections {
            if let Name::Function(functions) = subsection? {
                for naming in functions {
                    let naming = naming?;
                    names.push((naming.index, path_of(naming.name)));
                }
            }
        }
    }
    Ok(names)
}

/// Bytes of the body of each function, by its index.
fn body_sizes(wasm: &[u8]) -> Result<BTreeMap<u32, usize>> {
    let (mut sizes, mut index) = (BTreeMap::new(), 0);
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    index += u32::from(matches!(import?.ty, TypeRef::Func(_) | TypeRef::FuncExact(_)));
                }
            }
            Payload::CodeSectionEntry(body) => {
                sizes.insert(index, body.as_bytes().len());
                index += 1;
            }
            _ => {}
        }
    }
    Ok(sizes)
}

/// The same wasm with a trap as the body of these functions.
fn with_traps(wasm: &[u8], functions: &BTreeSet<u32>) -> Result<Vec<u8>> {
    let (mut module, mut code, mut index, mut bodies_left) = (Module::new(), CodeSection::new(), 0, 0);
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        match &payload {
            Payload::ImportSection(imports) => {
                for import in imports.clone().into_imports() {
                    index += u32::from(matches!(import?.ty, TypeRef::Func(_) | TypeRef::FuncExact(_)));
                }
            }
            Payload::CodeSectionStart { count, .. } => bodies_left = *count,
            Payload::CodeSectionEntry(body) => {
                if functions.contains(&index) {
                    let mut trap = Function::new([]);
                    trap.instructions().unreachable().end();
                    code.function(&trap);
                } else {
                    code.raw(body.as_bytes());
                }
                (index, bodies_left) = (index + 1, bodies_left - 1);
                if bodies_left == 0 {
                    module.section(&code);
                }
            }
            _ => {}
        }
        if let Some((id, range)) = payload.as_section().filter(|(id, _)| *id != SectionId::Code as u8) {
            module.section(&RawSection { id, data: &wasm[range] });
        }
    }
    Ok(module.finish())
}

#[cfg(test)]
mod tests {
    use wasm_encoder::{DataSection, FunctionSection, ImportSection, NameMap, NameSection, TypeSection, ValType};

    use super::*;

    /// A part of the paths of one kind.
    const PARSE: &str = " as pliron::parsable::Parsable>::parse";

    /// A module with an imported function, and two of its own that are named `kept` and `dropped` and return a number.
    fn sample() -> Vec<u8> {
        let (mut types, mut imports, mut functions) =
            (TypeSection::new(), ImportSection::new(), FunctionSection::new());
        types.ty().function([], [ValType::I32]);
        imports.import("page", "imported", wasm_encoder::EntityType::Function(0));
        functions.function(0).function(0);
        let (mut code, mut names, mut section) = (CodeSection::new(), NameMap::new(), NameSection::new());
        for (index, name) in [(1, "kept"), (2, "dropped")] {
            let mut body = Function::new([(1, ValType::I64)]);
            body.instructions().i32_const(1000 + index).end();
            code.function(&body);
            names.append(index as u32, name);
        }
        section.functions(&names);
        let mut module = Module::new();
        module.section(&types).section(&imports).section(&functions).section(&code);
        module.section(&DataSection::new()).section(&section);
        module.finish()
    }

    #[test]
    fn names_are_read_in_both_manglings() {
        let legacy = "_ZN77_$LT$cubecl_ir..dialect..scf..ForOp$u20$as$u20$pliron..parsable..Parsable$GT$\
                      5parse17h0123456789abcdefE";
        let v0 =
            "_RNvXNtNtCsbci33CGPnJK_9cubecl_ir7dialect3scfNtB2_5ForOpNtNtCsc77I4BCGUaA_6pliron8parsable8Parsable5parse";
        for mangled in [legacy, v0] {
            assert!(path_of(mangled).ends_with(PARSE), "{}", path_of(mangled));
        }
    }

    #[test]
    fn what_drops_a_value_is_kept() {
        let part = PARSE;
        let parse = "<pliron::location::Source as pliron::parsable::Parsable>::parse";
        assert!(is_of(parse, part) && is_of(&format!("{parse}::{{{{closure}}}}"), part));
        assert!(!is_of(&format!("core::ptr::drop_in_place::<{parse}::Source>"), part));
        assert!(!is_of(&format!("core::ptr::drop_in_place<{parse}::Source>"), part));
    }

    #[test]
    fn a_function_becomes_a_trap_and_all_else_stays() {
        let wasm = sample();
        wasmparser::validate(&wasm).expect("the sample is wasm");
        let names = function_names(&wasm).expect("it has names");
        assert_eq!(names, [(1, "kept".to_owned()), (2, "dropped".to_owned())]);
        let sizes = body_sizes(&wasm).expect("it can be read");
        assert_eq!(sizes.into_iter().collect::<Vec<_>>(), [(1, 7), (2, 7)], "locals, a number of two bytes, end");
        let cut = with_traps(&wasm, &BTreeSet::from([2])).expect("it can be read");
        wasmparser::validate(&cut).expect("what is left is wasm");
        assert_eq!(function_names(&cut).expect("it has names"), names, "no index moved");
        let bodies = |wasm: &[u8]| -> Vec<Vec<u8>> {
            let payloads = Parser::new(0).parse_all(wasm);
            payloads
                .filter_map(|payload| match payload.expect("wasm") {
                    Payload::CodeSectionEntry(body) => Some(body.as_bytes().to_vec()),
                    _ => None,
                })
                .collect()
        };
        let (before, after) = (bodies(&wasm), bodies(&cut));
        assert_eq!(after, [before[0].clone(), vec![0, 0x00, 0x0B]], "no locals, unreachable, end");
        assert_eq!(with_traps(&wasm, &BTreeSet::new()).expect("it can be read"), wasm, "to the byte");
    }
}
