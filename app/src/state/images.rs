//! Images: those that are given in a folder or class by class and become one file of rows, those of rows that are shown,
//! and the one that is tried; and parts of a data set that become one file. What names and paths they have is plain,
//! tested natively.

use std::collections::HashSet;

use hone_core::event::Split;
use hone_core::images::is_image_name;
use hone_core::session::protocol::{Command, NamedBlob, Problem, ProblemKind, Reply};
use hone_core::task::image_classification::{UNLABELED, is_unlabeled_folder};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::{DataSlot, Step, Store, bug, unexpected, unreadable};
use crate::browser::PickedFile;
use crate::client::Answer;
use crate::{format, tasks};

/// Name of the file that images are packed into.
const PACKED_NAME: &str = "images.zip";
/// Most bytes that are packed: all of them lie in memory at once.
const MAX_PACKED_BYTES: f64 = 1.5e9;
/// Files read between two messages on how far the packing is.
const FILES_A_MESSAGE: usize = 25;

/// Images of one class, as a person gives them.
#[derive(Debug, Clone, Default)]
pub(crate) struct ImageClass {
    /// Tells it from others, whatever it is called.
    pub id: u32,
    pub name: String,
    pub images: Vec<PickedFile>,
}

/// Files that are being packed into one: images, or the parts of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Packing {
    /// Read, and to be read in all.
    pub files: (usize, usize),
    are_images: bool,
}

impl Packing {
    /// Of so many files, which become a file of this name.
    fn begin(total: usize, name: &str) -> Self {
        Self { files: (0, total), are_images: name == PACKED_NAME }
    }

    /// What is done.
    pub(crate) fn title(self) -> &'static str {
        if self.are_images { "Packing the images" } else { "Putting the parts of the data set together" }
    }

    /// Why no other files are taken meanwhile.
    pub(super) fn refusal(self) -> &'static str {
        match self.are_images {
            true => "Images are being packed: wait until that is done.",
            false => "The parts of a data set are being put together: wait until that is done.",
        }
    }
}

/// Signals of images.
#[derive(Clone, Copy)]
pub(crate) struct ImagesState {
    /// Those that are given class by class.
    pub classes: RwSignal<Vec<ImageClass>, LocalStorage>,
    /// Files that are packed now.
    pub packing: RwSignal<Option<Packing>>,
    /// The one that is tried.
    pub tried: RwSignal<Option<PickedFile>, LocalStorage>,
}

impl ImagesState {
    pub(super) fn new() -> Self {
        let class = |id| ImageClass { id, ..ImageClass::default() };
        Self {
            classes: RwSignal::new_local(vec![class(1), class(2)]),
            packing: RwSignal::new(None),
            tried: RwSignal::new_local(None),
        }
    }

    /// Adds a class without a name; returns what tells it from others.
    pub(crate) fn add_class(self, images: Vec<PickedFile>) -> u32 {
        let mut id = 1;
        self.classes.update(|classes| {
            id += classes.iter().map(|class| class.id).max().unwrap_or_default();
            classes.push(ImageClass { id, name: String::new(), images });
        });
        id
    }

    /// Changes a class, if it is there still.
    pub(crate) fn change_class(self, id: u32, change: impl FnOnce(&mut ImageClass)) {
        self.classes.update(|classes| {
            if let Some(class) = classes.iter_mut().find(|class| class.id == id) {
                change(class);
            }
        });
    }

    /// Takes a class away.
    pub(crate) fn remove_class(self, id: u32) {
        self.classes.update(|classes| classes.retain(|class| class.id != id));
    }

    /// Names of the classes with the numbers of their images.
    fn sizes(self) -> Vec<(String, usize)> {
        self.classes.with(|classes| classes.iter().map(|class| (class.name.clone(), class.images.len())).collect())
    }

    /// What keeps the classes from being used, if anything does.
    pub(crate) fn problem_of_classes(self) -> Option<String> {
        problem_of(&self.sizes())
    }

    /// Whether images are in a class without a name, and nothing else is wrong with the names: they can be labeled one by one.
    pub(crate) fn has_images_to_label(self) -> bool {
        has_unnamed(&self.sizes())
    }
}

impl Store {
    /// What is tried is an image.
    pub(crate) fn tries_images(self) -> bool {
        tasks::of(self.shown_task()).reads_images
    }

    /// Takes images that were dropped or pasted as those of a class, which the person has to name.
    pub(super) fn take_images(self, files: Vec<PickedFile>) {
        let count = files.len();
        let classes = self.images.classes;
        let empty = classes
            .with_untracked(|classes| classes.iter().find(|class| class.images.is_empty()).map(|class| class.id));
        match empty {
            Some(id) => self.images.change_class(id, |class| class.images = files),
            None => {
                self.images.add_class(files);
            }
        }
        let (images, were) = (format::plural(count, "image"), if count == 1 { "was" } else { "were" });
        self.data.note.set(Some(format!(
            "{images} {were} put into a class of the panel “Class by class”: say which class it is, and add the others. They \
             are read when you press “Use these images”. Or leave the class without a name and press “Label them one by one”."
        )));
    }

    /// Packs the images that were given class by class.
    pub(crate) fn use_classes(self) {
        if untrack(|| self.images.problem_of_classes()).is_none() {
            self.pack_classes();
        }
    }

    /// The same where some have no name: their images are labeled one by one.
    pub(crate) fn use_classes_to_label(self) {
        if untrack(|| self.images.has_images_to_label()) {
            self.pack_classes();
        }
    }

    fn pack_classes(self) {
        let files = self.images.classes.with_untracked(|classes| {
            let of_class = |class: &ImageClass| {
                let folder = Some(class.name.trim()).filter(|name| !name.is_empty()).unwrap_or(UNLABELED).to_owned();
                class.images.iter().map(move |file| (folder.clone(), file.clone())).collect::<Vec<_>>()
            };
            let all: Vec<(String, PickedFile)> = classes.iter().flat_map(of_class).collect();
            let names: Vec<(&str, &str)> =
                all.iter().map(|(folder, file)| (folder.as_str(), file.name.as_str())).collect();
            let paths = paths_of(&names);
            all.iter().zip(paths).map(|((_, file), path)| file.named(path)).collect()
        });
        self.use_images(files);
    }

    /// Packs images, each under its path, and takes them as the training file.
    pub(crate) fn use_images(self, files: Vec<PickedFile>) {
        self.use_packed(files, PACKED_NAME);
    }

    /// Packs files, each under its path, and takes what they are packed into as the training file.
    pub(super) fn use_packed(self, files: Vec<PickedFile>, name: &'static str) {
        if self.images.packing.get_untracked().is_some() {
            return;
        }
        self.dismiss(Step::Data);
        let packing = Packing::begin(files.len(), name);
        let num_bytes: f64 = files.iter().map(PickedFile::size_bytes).sum();
        if num_bytes > MAX_PACKED_BYTES {
            return self.report(Step::Data, too_many(packing, num_bytes));
        }
        self.images.packing.set(Some(packing));
        spawn_local(async move {
            let packed = self.pack(files, name).await;
            self.images.packing.set(None);
            match packed {
                Ok(file) => self.choose_data(DataSlot::Train, Some(file)),
                Err(problem) => self.report(Step::Data, problem),
            }
        });
    }

    async fn pack(self, files: Vec<PickedFile>, name: &str) -> Result<PickedFile, Problem> {
        let total = files.len();
        let (mut named, mut blobs) = (Vec::with_capacity(total), Vec::with_capacity(total));
        for (index, file) in files.into_iter().enumerate() {
            blobs.push(file.read().await.map_err(unreadable)?);
            named.push(NamedBlob { name: file.name, blob: index });
            if (index + 1).is_multiple_of(FILES_A_MESSAGE) {
                self.images.packing.update(|packing| {
                    if let Some(packing) = packing {
                        packing.files = (index + 1, total);
                    }
                });
            }
        }
        match self.request(Command::PackImages { files: named }, blobs).await? {
            (Reply::Packed { blob }, blobs) => {
                // It comes as a blob among the buffers; a file that is made of it copies nothing.
                let file = blobs.get(blob).and_then(|bytes| PickedFile::from_bytes(name, bytes));
                file.ok_or_else(|| bug("the packed files came without their bytes".into()))
            }
            (other, _) => Err(unexpected(&other)),
        }
    }

    /// The image files of rows: their split, and their place in it. `None` where a row has none.
    pub(crate) async fn row_images(self, rows: Vec<(Split, usize)>) -> Result<Vec<Option<PickedFile>>, Problem> {
        images_of(self.request(Command::RowImages { rows }, Vec::new()).await)
    }

    /// Training rows as the augmentation of the recipe makes them: the same for the same seed.
    pub(crate) async fn augmented_images(
        self,
        rows: Vec<usize>,
        seed: u64,
    ) -> Result<Vec<Option<PickedFile>>, Problem> {
        let run = self.run_to_read_for();
        images_of(self.request(Command::PreviewAugmentation { rows, seed, run }, Vec::new()).await)
    }
}

pub(super) fn images_of(answer: Answer) -> Result<Vec<Option<PickedFile>>, Problem> {
    match answer? {
        (Reply::Images { images }, blobs) => {
            let file = |named: Option<NamedBlob>| {
                let NamedBlob { name, blob } = named?;
                PickedFile::from_bytes(&name, blobs.get(blob)?)
            };
            Ok(images.into_iter().map(file).collect())
        }
        (other, _) => Err(unexpected(&other)),
    }
}

/// Whether these files are images, by their names.
pub(super) fn are_images(files: &[PickedFile]) -> bool {
    !files.is_empty() && files.iter().all(|file| is_image_name(&file.name))
}

/// Paths of files with their folders; files of the same name in one folder are told apart by a number.
fn paths_of(files: &[(&str, &str)]) -> Vec<String> {
    let mut taken = HashSet::new();
    let path = |&(class, name): &(&str, &str)| {
        let name = name.rsplit('/').next().unwrap_or_default();
        let (stem, ending) =
            name.rsplit_once('.').map_or((name, String::new()), |(stem, end)| (stem, format!(".{end}")));
        let numbered = (2..).map(|number: usize| format!("{class}/{stem} ({number}){ending}"));
        let mut paths = std::iter::once(format!("{class}/{name}")).chain(numbered);
        paths.find(|path| taken.insert(path.clone())).expect("one of endlessly many paths is free")
    };
    files.iter().map(path).collect()
}

/// Names of the classes with images.
fn filled(classes: &[(String, usize)]) -> impl Iterator<Item = &str> {
    classes.iter().filter(|(_, count)| *count > 0).map(|(name, _)| name.trim())
}

/// Whether some images have no name of a class, and nothing is wrong with the others.
fn has_unnamed(classes: &[(String, usize)]) -> bool {
    filled(classes).any(str::is_empty) && problem_of_names(classes).is_none()
}

/// What is wrong with classes of these names and numbers of images; those without images do not count.
fn problem_of(classes: &[(String, usize)]) -> Option<String> {
    let is_unnamed = filled(classes).any(str::is_empty);
    let unnamed = || is_unnamed.then(|| "Say which class the images are: one name is missing.".into());
    let too_few = || (filled(classes).count() < 2).then(|| "Give images of two classes at least.".into());
    problem_of_names(classes).or_else(unnamed).or_else(too_few)
}

/// Why no class is called as the folders of images without labels are.
pub(super) fn no_class(name: &str) -> String {
    format!(
        "A class can't be called {name}: images in a folder of that name are those that have no label yet. Take another name; images of a \
         class without a name are labeled one by one."
    )
}

/// What is wrong with the names that are there.
fn problem_of_names(classes: &[(String, usize)]) -> Option<String> {
    let filled = || filled(classes).filter(|name| !name.is_empty());
    if let Some(name) = filled().find(|name| name.contains(['/', '\\']) || name.starts_with('.')) {
        return Some(format!("A class can't be called {name}: no / or \\, and no dot in front."));
    }
    if let Some(name) = filled().find(|name| is_unlabeled_folder(name)) {
        return Some(no_class(name));
    }
    let mut seen = HashSet::new();
    let twice = filled().find(|name| !seen.insert(*name))?;
    Some(format!("Two classes are called {twice}: give one another name, or put all images into the first."))
}

/// Said of files that are too large to be packed.
fn too_many(packing: Packing, num_bytes: f64) -> Problem {
    let message = format!(
        "{} have {}, more than the {} that can be packed here",
        format::plural(packing.files.1, "file"),
        format::bytes(num_bytes),
        format::bytes(MAX_PACKED_BYTES)
    );
    let hint = match packing.are_images {
        true => "use fewer, or make images smaller first (a model sees about 224 x 224 pixels)".into(),
        false => "use fewer of its parts".into(),
    };
    Problem { kind: ProblemKind::Data, message, hint }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(classes: &[(&str, usize)]) -> Option<String> {
        problem_of(&classes.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect::<Vec<_>>())
    }

    #[test]
    fn files_of_one_name_get_paths_of_their_own() {
        let names = ["1.png", "more/1.png", "1 (2).png", "1.png", "plain"].map(|name| ("cat", name));
        let paths = paths_of(&[&names[..], &[("dog", "1.png")][..]].concat());
        let of_cats = ["cat/1.png", "cat/1 (2).png", "cat/1 (2) (2).png", "cat/1 (3).png", "cat/plain"];
        assert_eq!(paths[..5], of_cats);
        assert_eq!(paths[5..], ["dog/1.png"], "another folder");
    }

    #[test]
    fn images_of_classes_without_a_name_can_be_labeled_one_by_one() {
        let can = |classes: &[(&str, usize)]| {
            has_unnamed(&classes.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect::<Vec<_>>())
        };
        assert!(can(&[("", 3)]) && can(&[(" ", 3), ("", 2)]) && can(&[("cat", 3), ("", 2)]));
        assert!(!can(&[("", 0)]) && !can(&[("cat", 3), ("dog", 2), ("", 0)]), "no image lacks a class");
        assert!(!can(&[("unlabeled", 3), ("", 2)]), "they would not be told apart");
        assert!(!can(&[("a/b", 3), ("", 2)]) && !can(&[("cat", 3), ("cat", 1), ("", 2)]), "names that can't be");
    }

    #[test]
    fn classes_have_names_of_their_own_and_images() {
        assert_eq!(problem(&[("cat", 3), (" dog ", 1), ("", 0)]), None, "what has no images does not count");
        assert!(problem(&[("cat", 3), ("dog", 0)]).expect("one class").contains("two classes"));
        assert!(problem(&[("cat", 3), (" ", 1)]).expect("no name").contains("name is missing"));
        assert!(problem(&[("cat", 3), ("cat ", 1)]).expect("twice").contains("Two classes are called cat"));
        for name in ["a/b", "a\\b", ".hidden"] {
            assert!(problem(&[("cat", 3), (name, 1)]).expect("no folder").contains(name), "{name}");
        }
        for name in ["unlabeled", " Unlabelled", "UNSUP"] {
            let said = problem(&[("cat", 3), (name, 1)]).expect("it would be no class");
            assert!(said.contains("have no label yet") && said.contains(name.trim()), "{said}");
        }
        assert_eq!(problem(&[("cat", 3), ("dog", 1), ("unlabeled", 0)]), None, "what has no images does not count");
    }

    #[test]
    fn parts_of_a_data_set_are_not_called_images() {
        let [images, parts] = [PACKED_NAME, "rows.zip"].map(|name| Packing::begin(2, name));
        assert!(images.title().contains("images") && images.refusal().starts_with("Images"));
        assert!(parts.title().contains("parts") && parts.refusal().starts_with("The parts of a data set"));
    }

    #[test]
    fn files_that_are_too_large_are_counted() {
        let [images, parts] = [PACKED_NAME, "rows.zip"].map(|name| Packing::begin(1200, name));
        let problem = too_many(images, 2e9);
        assert_eq!(problem.message, "1,200 files have 2.00 GB, more than the 1.50 GB that can be packed here");
        assert!(problem.hint.contains("make images smaller"), "{}", problem.hint);
        assert_eq!(too_many(parts, 2e9).hint, "use fewer of its parts");
    }
}
