//! Puts `dist/` together: the elements of `index.html` that are marked `data-trunk`, done as trunk does them, and besides
//! them what trunk cannot do: the page's wasm is cut, and the worker's rid of what never runs (`wasm.rs`). trunk, a program of
//! 613 crates, still builds the page from the same file: in one piece, for who has it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::integrity;
use crate::model::hex;
use crate::proc;
use crate::setup::Tools;
use crate::toolchain::TARGET;
use crate::tools;
use crate::wasm;
use crate::web::{self, Mode};

/// The script that fetches the parts of the page that come later, as it is called by the tool that cuts the page.
const LATER: &str = "__wasm_split.js";

/// The script that starts the page, beside what it starts.
const STARTER: &str = "start.js";

/// A module that the worker loads when it needs it.
struct Beside {
    /// How its files are called.
    name: &'static str,
    /// The wasm that cargo made of it.
    wasm: &'static str,
    /// How the name of its folder begins; a hash follows.
    folder: &'static str,
}

/// The readers of files that are no text.
const READERS: Beside = Beside { name: "hone-readers", wasm: "hone_readers_web.wasm", folder: "readers-" };

/// What reads and writes image files.
const IMAGES: Beside = Beside { name: "hone-images", wasm: "hone_images_web.wasm", folder: "images-" };

/// What renders chat templates.
const TEMPLATES: Beside = Beside { name: "hone-templates", wasm: "hone_templates_web.wasm", folder: "templates-" };

/// Bytes of memory beyond which a module that stays is let go of after a call: memory of a wasm grows only.
const MOST_KEPT: usize = 256 << 20;

/// What the script that wasm-bindgen writes must have for a module to be let go of.
const FORGOTTEN: [&str; 2] = ["let wasmModule, wasmInstance, wasm;", "let __wbg_init_promise;"];

/// How an element begins that stands for a part of the page.
const ELEMENT: &str = "<link data-trunk";

/// Makes `dist` of `index.html` and of what cargo compiled for `mode`. It is replaced whole, once all of it is there.
///
/// # Errors
/// When `index.html` has an element that is unknown here, a file is missing, the wasm cannot be cut, or a tool fails.
pub(crate) fn assemble(tools: &Tools, mode: Mode, dist: &Path) -> Result<()> {
    let root = crate::root();
    let index = root.join("index.html");
    let html = std::fs::read_to_string(&index).with_context(|| format!("cannot read {}", index.display()))?;
    let new = web::target_dir().join("bundle").join("dist");
    remove(&new)?;
    std::fs::create_dir_all(&new).with_context(|| format!("cannot make {}", new.display()))?;
    let build = Build { tools, mode, compiled: web::target_dir().join(TARGET).join(mode.profile()) };
    let page = replace_elements(&html, |element| {
        let href = element.get("href").context("it has no href")?;
        match (element.get("rel").unwrap_or_default(), element.get("data-type").unwrap_or_default()) {
            ("css", _) => {
                let name = copy_hashed(&root.join(href), &new)?;
                Ok(format!("<link rel=\"stylesheet\" href=\"./{name}\">"))
            }
            ("copy-dir", _) => proc::copy_tree(&root.join(href), &new, &[]).map(|()| String::new()),
            ("rust", "main") => build.page(element, &crate_of(href)?, &new),
            ("rust", "worker") => {
                let readers = build.beside(element, &READERS, &new, reading)?;
                let images = build.beside(element, &IMAGES, &new, loading_images)?;
                let templates = build.beside(element, &TEMPLATES, &new, loading_templates)?;
                let functions = readers + &images + &templates;
                build.worker(element, &crate_of(href)?, &functions, &new).map(|()| String::new())
            }
            (rel, kind) => bail!("bundle.rs knows no rel {rel:?} with data-type {kind:?}"),
        }
    })?;
    proc::write(&new.join("index.html"), integrity::with_digests(&page, &new)?)?;
    remove(dist)?;
    std::fs::rename(&new, dist).with_context(|| format!("cannot move {} to {}", new.display(), dist.display()))
}

/// Removes a folder, if it is there.
fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}

/// An element and its attributes.
struct Element<'a>(&'a str);

impl Element<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        let (_, rest) = self.0.split_once(&format!(" {name}=\""))?;
        rest.split_once('"').map(|(value, _)| value)
    }
}

/// `html` with what `made` gives for each of the marked elements.
fn replace_elements(html: &str, made: impl Fn(&Element<'_>) -> Result<String>) -> Result<String> {
    let (mut page, mut rest) = (String::new(), html);
    while let Some(start) = rest.find(ELEMENT) {
        let length = rest[start..].find('>').context("an element of index.html has no end")? + 1;
        let element = &rest[start..start + length];
        page.push_str(&rest[..start]);
        // Attributes may stand on lines of their own.
        let line = element.split_whitespace().collect::<Vec<_>>().join(" ");
        page.push_str(&made(&Element(&line)).with_context(|| format!("in index.html, {line}"))?);
        rest = &rest[start + length..];
    }
    page.push_str(rest);
    Ok(page)
}

/// The name of a crate by its manifest, relative to the workspace.
fn crate_of(manifest: &str) -> Result<String> {
    let path = crate::root().join(manifest);
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let name = text.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
    name.map(str::to_owned).with_context(|| format!("{manifest} names no package"))
}

/// What page and worker are made with.
struct Build<'a> {
    tools: &'a Tools,
    mode: Mode,
    /// Where cargo left the wasm.
    compiled: PathBuf,
}

impl Build<'_> {
    /// The page's scripts and wasm, in a folder whose name changes with what is in them; returns the script that starts
    /// them.
    fn page(&self, element: &Element<'_>, name: &str, dist: &Path) -> Result<String> {
        let staged = staged(name)?;
        let main = staged.join(format!("{name}.wasm"));
        let mut split = web::command(self.tools, tools::WASM_SPLIT);
        split.args(["--target", "web", "--out-name", name]);
        proc::run(split.arg(self.compiled.join(format!("{name}.wasm"))).arg(&staged))?;
        // The parts that are fetched later need what wasm-bindgen would otherwise take away.
        self.bindgen(&main, &staged, &["--keep-lld-exports"])?;
        self.optimise(element, &staged)?;
        let later = staged.join(LATER);
        proc::write(&later, integrity::with_digests_of_fetched(&read(&later)?, &staged)?)?;
        proc::write(&staged.join(STARTER), starter(name, &staged)?)?;
        let folder = format!("page-{}", hash_of(&staged)?);
        proc::copy_tree(&staged, &dist.join(&folder), &[])?;
        let mut html = String::new();
        writeln!(html, "<script type=\"module\" src=\"./{folder}/{STARTER}\"></script>")?;
        for script in [format!("{name}.js").as_str(), LATER] {
            writeln!(html, "    <link rel=\"modulepreload\" href=\"./{folder}/{script}\" crossorigin=\"anonymous\">")?;
        }
        write!(
            html,
            "    <link rel=\"preload\" href=\"./{folder}/{name}_bg.wasm\" crossorigin=\"anonymous\" as=\"fetch\" \
             type=\"application/wasm\">"
        )?;
        Ok(html)
    }

    /// The script and wasm of a module, in a folder whose name changes with what is in them; returns the function by which the
    /// worker uses it, which `function` makes of that folder and of the wasm's digest. It is optimised as the worker is, whose element
    /// this is.
    fn beside(
        &self,
        element: &Element<'_>,
        module: &Beside,
        dist: &Path,
        function: fn(&str, &str) -> String,
    ) -> Result<String> {
        let Beside { name, wasm, folder } = module;
        let staged = staged(name)?;
        let main = staged.join(format!("{name}.wasm"));
        let compiled = self.compiled.join(wasm);
        std::fs::copy(&compiled, &main).with_context(|| format!("cannot copy {}", compiled.display()))?;
        self.bindgen(&main, &staged, &[])?;
        self.optimise(element, &staged)?;
        let path = staged.join(format!("{name}.js"));
        let script = read(&path)?;
        let forget = forget(&script)?;
        proc::write(&path, script + &forget)?;
        let digest = integrity::of_file(&staged.join(format!("{name}_bg.wasm")))?;
        let folder = format!("{folder}{}", hash_of(&staged)?);
        proc::copy_tree(&staged, &dist.join(&folder), &[])?;
        Ok(function(&folder, &digest))
    }

    /// The worker's script and wasm under the names by which the page starts it, and the script that loads both, after the
    /// functions by which it uses the modules beside it.
    fn worker(&self, element: &Element<'_>, name: &str, functions: &str, dist: &Path) -> Result<()> {
        let staged = staged(name)?;
        let main = staged.join(format!("{name}.wasm"));
        wasm::without_what_never_runs(&self.compiled.join(format!("{name}.wasm")), &main)?;
        self.bindgen(&main, &staged, &[])?;
        self.optimise(element, &staged)?;
        proc::copy_tree(&staged, dist, &[])?;
        proc::write(&dist.join(format!("{name}_loader.js")), functions.to_owned() + &starter(name, &staged)?)
    }

    /// Runs wasm-bindgen on a wasm, and removes it.
    fn bindgen(&self, wasm: &Path, to: &Path, flags: &[&str]) -> Result<()> {
        let mut command = web::command(self.tools, "wasm-bindgen");
        command.args(["--target", "web", "--no-typescript", "--out-dir"]).arg(to).args(flags);
        proc::run(command.arg(wasm))?;
        std::fs::remove_file(wasm).with_context(|| format!("cannot remove {}", wasm.display()))
    }

    /// Runs wasm-opt on each wasm of a folder as the element says, where the build is the deployed one.
    fn optimise(&self, element: &Element<'_>, folder: &Path) -> Result<()> {
        if self.mode == Mode::Quick {
            return Ok(());
        }
        let level = element.get("data-wasm-opt").context("it has no data-wasm-opt")?;
        let flags = element.get("data-wasm-opt-params").context("it has no data-wasm-opt-params")?;
        for file in files(folder)?.iter().filter(|file| file.extension().is_some_and(|extension| extension == "wasm")) {
            let mut command = web::command(self.tools, "wasm-opt");
            command.arg(format!("-O{level}")).args(flags.split_whitespace());
            proc::run(command.arg(file).arg("-o").arg(file))?;
        }
        Ok(())
    }
}

/// The script that starts what a crate became, with its wasm as it lies in `folder` and not otherwise.
fn starter(name: &str, folder: &Path) -> Result<String> {
    let wasm = format!("{name}_bg.wasm");
    let digest = integrity::of_file(&folder.join(&wasm))?;
    Ok(format!(
        "import init from './{name}.js';\n\
         const wasm = fetch(new URL('./{wasm}', import.meta.url), {{ integrity: '{digest}' }});\n\
         await init({{ module_or_path: wasm }});\n"
    ))
}

/// What is put at the end of a module's script: it lets go of the module, so that what comes next gets a fresh one. One that
/// panicked leaves nothing behind, and no memory stays taken: a view of it would hold all of it.
fn forget(script: &str) -> Result<String> {
    let views: String = script
        .lines()
        .filter_map(|line| line.strip_prefix("let cached")?.strip_suffix("Memory0 = null;"))
        .map(|view| format!("    cached{view}Memory0 = null;\n"))
        .collect();
    let missing = FORGOTTEN.into_iter().find(|line| !script.contains(line));
    if let Some(missing) = missing.or(views.is_empty().then_some("let cached…Memory0 = null;")) {
        bail!("the script of a module has no line {missing}: wasm-bindgen writes another one than is known");
    }
    Ok(format!(
        "\nexport function forget() {{\n    \
         wasm = wasmInstance = wasmModule = __wbg_init_promise = undefined;\n{views}}}\n"
    ))
}

/// The function by which the worker reads a file with the readers in `folder`, whose wasm is taken as it lies there and not
/// otherwise. They are fetched when it is first called.
fn reading(folder: &str, digest: &str) -> String {
    let name = READERS.name;
    format!(
        "globalThis.honeReadRows = async (name, bytes, sheet) => {{\n  \
         const readers = await import('./{folder}/{name}.js');\n  \
         const wasm = fetch(new URL('./{folder}/{name}_bg.wasm', import.meta.url), {{ integrity: '{digest}' }});\n  \
         try {{\n    \
         await readers.default({{ module_or_path: wasm }});\n    \
         return readers.read_rows(name, bytes, sheet);\n  \
         }} finally {{\n    \
         readers.forget();\n  \
         }}\n}};\n"
    )
}

/// The function by which the worker loads what reads and writes image files.
fn loading_images(folder: &str, digest: &str) -> String {
    loading("honeLoadImages", IMAGES.name, folder, digest)
}

/// The function by which the worker loads what renders chat templates.
fn loading_templates(folder: &str, digest: &str) -> String {
    loading("honeLoadTemplates", TEMPLATES.name, folder, digest)
}

/// The function `loader` by which the worker loads a module that stays, from `folder`, whose wasm is taken as it lies there and not
/// otherwise. What it gives is a function that calls one of the module's by its name, at once: it starts the module where it is
/// not, lets go of it where it panicked or took much memory, and throws what went wrong.
fn loading(loader: &str, name: &str, folder: &str, digest: &str) -> String {
    format!(
        "globalThis.{loader} = async () => {{\n  \
         const beside = await import('./{folder}/{name}.js');\n  \
         const wasm = await fetch(new URL('./{folder}/{name}_bg.wasm', import.meta.url), {{ integrity: '{digest}' }});\n  \
         const module = await WebAssembly.compile(await wasm.arrayBuffer());\n  \
         return (called, ...given) => {{\n    \
         let isSound = false;\n    \
         try {{\n      \
         const {{ memory }} = beside.initSync({{ module }});\n      \
         const made = beside[called](...given);\n      \
         isSound = memory.buffer.byteLength <= {MOST_KEPT};\n      \
         return made;\n    \
         }} catch (error) {{\n      \
         isSound = error?.name === 'Error';\n      \
         throw error;\n    \
         }} finally {{\n      \
         if (!isSound) beside.forget();\n    \
         }}\n  \
         }};\n}};\n"
    )
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// An empty folder for what a crate becomes.
fn staged(name: &str) -> Result<PathBuf> {
    let staged = web::target_dir().join("bundle").join(name);
    remove(&staged)?;
    std::fs::create_dir_all(&staged).with_context(|| format!("cannot make {}", staged.display()))?;
    Ok(staged)
}

/// The files of a folder, in the order of their names.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}

/// A hash of what is in the files of a folder.
fn hash_of(folder: &Path) -> Result<String> {
    let mut hasher = Sha256::new();
    for file in files(folder)? {
        hasher.update(std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?);
    }
    Ok(hex(&hasher.finalize())[..16].to_owned())
}

/// Copies a file under its name and a hash of what is in it; returns that name.
fn copy_hashed(from: &Path, folder: &Path) -> Result<String> {
    let bytes = std::fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    let name = from.file_name().unwrap_or_default().to_string_lossy();
    let (stem, extension) = name.rsplit_once('.').with_context(|| format!("{name} has no extension"))?;
    let hashed = format!("{stem}-{}.{extension}", &hex(&Sha256::digest(&bytes))[..16]);
    proc::write(&folder.join(&hashed), bytes)?;
    Ok(hashed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_replaced_and_all_else_stays() {
        let html = "<head>\n<link rel=\"icon\" href=\"x\">\n<link data-trunk rel=\"css\"\n  href=\"a.css\">\n</head>";
        let page = replace_elements(html, |element| Ok(format!("[{}]", element.get("href").unwrap_or_default())));
        assert_eq!(page.expect("all is known"), "<head>\n<link rel=\"icon\" href=\"x\">\n[a.css]\n</head>");
        let error = replace_elements(html, |_| bail!("unknown")).expect_err("it is said where");
        assert_eq!(format!("{error:#}"), "in index.html, <link data-trunk rel=\"css\" href=\"a.css\">: unknown");
    }

    #[test]
    fn the_page_has_only_elements_that_are_known() {
        let html = std::fs::read_to_string(crate::root().join("index.html")).expect("it lies in the workspace");
        let rels = std::cell::RefCell::new(Vec::new());
        let note = |element: &Element<'_>| {
            let kind = element.get("data-type").unwrap_or_default();
            rels.borrow_mut().push(format!("{} {kind}", element.get("rel").unwrap_or_default()));
            Ok(String::new())
        };
        replace_elements(&html, note).expect("nothing fails");
        assert_eq!(rels.into_inner(), ["css ", "rust main", "rust worker", "copy-dir "]);
        assert_eq!(crate_of("app/worker/Cargo.toml").expect("it has a name"), "hone-worker");
    }

    #[test]
    fn what_starts_a_crate_takes_its_own_wasm_only() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        proc::write(&folder.path().join("a_bg.wasm"), "wasm").expect("the folder is ours");
        let script = starter("a", folder.path()).expect("it can be read");
        let digest = integrity::of_file(&folder.path().join("a_bg.wasm")).expect("it can be read");
        assert!(script.starts_with("import init from './a.js';\n"), "{script}");
        assert!(script.contains(&format!("'./a_bg.wasm', import.meta.url), {{ integrity: '{digest}' }}")), "{script}");
    }

    #[test]
    fn the_worker_takes_the_readers_of_its_own_build_only() {
        let script = reading("readers-1", "sha256-x");
        assert!(script.starts_with("globalThis.honeReadRows = async (name, bytes, sheet) => {\n"), "{script}");
        assert!(script.contains("import('./readers-1/hone-readers.js')"), "{script}");
        assert!(script.contains("_bg.wasm', import.meta.url), { integrity: 'sha256-x' })"), "{script}");
    }

    #[test]
    fn the_worker_takes_modules_of_its_own_build_only_and_lets_go_of_those_that_failed() {
        let script = loading_images("images-1", "sha256-x");
        assert!(script.starts_with("globalThis.honeLoadImages = async () => {\n"), "{script}");
        assert!(script.contains("import('./images-1/hone-images.js')"), "{script}");
        assert!(script.contains("_bg.wasm', import.meta.url), { integrity: 'sha256-x' })"), "{script}");
        assert!(script.contains("byteLength <= 268435456") && script.contains("beside.forget()"), "{script}");
        let script = loading_templates("templates-1", "sha256-y");
        assert!(script.starts_with("globalThis.honeLoadTemplates = async () => {\n"), "{script}");
        assert!(script.contains("import('./templates-1/hone-templates.js')"), "{script}");
        assert!(script.contains("fetch(new URL('./templates-1/hone-templates_bg.wasm', import.meta.url)"), "{script}");
    }

    #[test]
    fn the_readers_are_let_go_of_with_each_view_of_their_memory() {
        let views = "let cachedUint8ArrayMemory0 = null;\nlet cachedTextDecoder = new TextDecoder('utf-8');\n";
        let script = format!("{views}{}\n", FORGOTTEN.join("\n"));
        let forget_all = forget(&script).expect("all is there");
        assert!(forget_all.contains("wasm = wasmInstance = ") && !forget_all.contains("TextDecoder"), "{forget_all}");
        assert!(forget_all.contains("    cachedUint8ArrayMemory0 = null;\n}\n"), "{forget_all}");
        assert!(forget(&script.replace("cached", "kept")).is_err() && forget(views).is_err());
    }

    #[test]
    fn copies_and_folders_are_named_after_what_is_in_them() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let to = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("app.css");
        proc::write(&file, "one").expect("the folder is ours");
        let (one, of_one) = (copy_hashed(&file, to.path()), hash_of(folder.path()));
        proc::write(&file, "two").expect("the folder is ours");
        let (two, of_two) = (copy_hashed(&file, to.path()), hash_of(folder.path()));
        let (one, two) = (one.expect("it can be read"), two.expect("it can be read"));
        assert!(one != two && one.starts_with("app-") && one.ends_with(".css"), "{one}, {two}");
        assert_ne!(of_one.expect("it can be read"), of_two.expect("it can be read"));
    }
}
