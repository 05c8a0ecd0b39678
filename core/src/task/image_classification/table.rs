//! Images that a table names: a zip may hold a CSV, TSV or JSON file with a column of file names and one of labels.
//!
//! In: a zip and what is in it. Out: the images that rows name, each with its label, bad rows with the reason, and what there
//! is to say of the table; nothing where the zip has no table that can be used, and folders are the labels.

use std::collections::{HashMap, HashSet};

use tokenizers::NormalizedString;

use super::folders::{
    Contents, ListedImage, ZipFile, common_folder, has_splits, name_files, number_on, plain_path, quoted, split_of,
};
use super::one_hot::{JOINED, join_one_hot};
use crate::config::ReadOptions;
use crate::data::{
    BadCell, BadRow, DataError, FileReading, Format, Row, Table, UsedColumn, choose_columns, find_column, name_rank,
    note_on_parts, parse, take_filled,
};
use crate::images::{Archive, is_image_name};
use crate::words::plural;

/// Names of columns of file names, the likeliest first.
const IMAGE_NAMES: &[&str] = &[
    "file_name",
    "filename",
    "image",
    "file",
    "path",
    "image_path",
    "file_path",
    "filepath",
    "image_file",
    "image_name",
    "img",
    "img_path",
    "image_id",
];

/// Rows that are looked at for file names where no column is called so.
const SAMPLE: usize = 100;

/// What to do where a column says of which part of the data each image is.
const PARTS_REMEDY: &str = "put the images of each part into a folder of its own (train, validation, test) and write these paths, or \
                            give each part as a file of its own";

/// What a table said.
#[derive(Debug)]
pub(super) struct TableRows {
    /// Images that can be used, or could with a label.
    pub(super) images: Vec<ListedImage>,
    /// The first thousand bad rows of each table.
    pub(super) bad_rows: Vec<BadRow>,
    /// All bad rows.
    pub(super) num_bad_rows: usize,
    /// Those in which something is empty beside the label.
    pub(super) num_empty: usize,
    /// What is to be said.
    pub(super) notes: Vec<String>,
    /// How the first table was read.
    pub(super) layout: TableLayout,
}

/// How a table was read.
#[derive(Debug)]
pub(super) struct TableLayout {
    pub(super) format: Format,
    pub(super) delimiter: Option<char>,
    pub(super) has_header: bool,
    pub(super) columns: Vec<String>,
    pub(super) reading: FileReading,
    /// Name of the column of file names.
    pub(super) image_column: String,
    /// Name of the column of labels.
    pub(super) label_column: String,
}

/// Most bad rows that are listed with their reason.
const MAX_LISTED: usize = 1000;

/// Reads the images that tables of a zip name; `None` where folders are the labels, and why is in `notes` where there is
/// something to say. `may_have_folders` says that columns which were asked for need not be there.
///
/// # Errors
/// When a table can't be read, or a column that was asked for is not there.
pub(super) fn read_tables<B: AsRef<[u8]> + Clone>(
    archive: &Archive<B>,
    contents: &Contents,
    read: &ReadOptions,
    known_labels: &[String],
    may_have_folders: bool,
    notes: &mut Vec<String>,
) -> Result<Option<TableRows>, DataError> {
    let asked = [("image_column", &read.image_column), ("label_column", &read.label_column)];
    let asked = asked.into_iter().find(|(_, column)| column.is_some()).map(|(setting, _)| setting);
    let tables = choose_tables(contents, notes);
    if tables.is_empty() {
        return match asked {
            Some(setting) if !may_have_folders => Err(DataError::NoTable { setting }),
            Some(setting) => {
                notes.push(format!(
                    "there is no table beside the images: labels are the folders, and {setting} has no effect"
                ));
                Ok(None)
            }
            None => Ok(None),
        };
    }
    let names: Vec<&str> = tables.iter().map(|table| table.path.as_str()).collect();
    match TableReader::new(contents).read(archive, &tables, read, known_labels) {
        Ok(rows) => Ok(Some(rows)),
        Err(error) if asked.is_none() && contents.has_folders() => {
            notes.push(format!("{} passed over, and labels are the folders: {error}", name_tables(&names)));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn name_tables(names: &[&str]) -> String {
    let (tables, are) = if names.len() == 1 { ("table", "is") } else { ("tables", "are") };
    format!("the {tables} {} {are}", quoted(names))
}

/// The tables that name images: those called `metadata`, else the only one.
fn choose_tables<'c>(contents: &'c Contents, notes: &mut Vec<String>) -> Vec<&'c ZipFile> {
    let stem = |table: &ZipFile| stem_of(base_name(&table.path)).eq_ignore_ascii_case("metadata");
    let mut tables: Vec<&ZipFile> = contents.tables.iter().filter(|table| stem(table)).collect();
    // Of metadata.csv and metadata.jsonl in one folder the first will do: they hold the same.
    let mut folders = HashSet::new();
    tables.retain(|table| folders.insert(folder_of(&table.path)));
    if tables.is_empty() && contents.tables.len() == 1 {
        tables.extend(&contents.tables);
    }
    let others: Vec<&str> =
        contents.tables.iter().filter(|table| !tables.contains(table)).map(|table| table.path.as_str()).collect();
    if !others.is_empty() {
        let found = name_files(&others);
        notes.push(format!(
            "tables that are passed over, for one that names the images is called metadata.csv: {found}"
        ));
    }
    tables
}

/// Finds images by what a table calls them.
struct TableReader<'c> {
    images: &'c [ZipFile],
    by_path: HashMap<&'c str, usize>,
    /// By name without folders; `None` where several have it.
    by_name: HashMap<&'c str, Option<usize>>,
    /// By name without folders and ending.
    by_stem: HashMap<&'c str, Option<usize>>,
    /// By path, and by name without folders, both composed (NFC): a Mac writes é as two letters. Names of plain letters are left out.
    composed: [HashMap<String, Option<usize>>; 2],
    is_named: Vec<bool>,
    /// Rows whose images were found by less than their path.
    num_by_name: usize,
}

impl<'c> TableReader<'c> {
    fn new(contents: &'c Contents) -> Self {
        let images = contents.images.as_slice();
        let mut reader = Self {
            images,
            by_path: HashMap::new(),
            by_name: HashMap::new(),
            by_stem: HashMap::new(),
            composed: [HashMap::new(), HashMap::new()],
            is_named: vec![false; images.len()],
            num_by_name: 0,
        };
        for (index, image) in images.iter().enumerate() {
            let name = base_name(&image.path);
            reader.by_path.insert(&image.path, index);
            for (map, key) in [(&mut reader.by_name, name), (&mut reader.by_stem, stem_of(name))] {
                map.entry(key).and_modify(|found| *found = None).or_insert(Some(index));
            }
            for (map, key) in reader.composed.iter_mut().zip([image.path.as_str(), name]) {
                if !key.is_ascii() {
                    map.entry(composed(key)).and_modify(|found| *found = None).or_insert(Some(index));
                }
            }
        }
        reader
    }

    /// The image that a cell means in a table of this folder, or the reason why there is none.
    fn find(&mut self, folder: &str, cell: &str) -> Result<usize, String> {
        let path = plain_path(cell.trim());
        let paths = [format!("{folder}{path}"), path.clone()];
        let exact = paths.iter().find_map(|path| self.by_path.get(path.as_str()).copied());
        let [composed_paths, composed_names] = &self.composed;
        let found =
            exact.or_else(|| paths.iter().find_map(|path| composed_paths.get(&composed(path)).copied().flatten()));
        if let Some(index) = found {
            return Ok(index);
        }
        let name = base_name(&path);
        let by_name = self.by_name.get(name).or_else(|| self.by_stem.get(name));
        match by_name.or_else(|| composed_names.get(&composed(name))) {
            Some(Some(index)) => {
                self.num_by_name += 1;
                Ok(*index)
            }
            Some(None) => Err(format!("{cell:?} is the name of several images: write their paths")),
            None => Err(format!("{cell:?} is not among the images")),
        }
    }

    fn read<B: AsRef<[u8]> + Clone>(
        mut self,
        archive: &Archive<B>,
        tables: &[&ZipFile],
        read: &ReadOptions,
        known_labels: &[String],
    ) -> Result<TableRows, DataError> {
        let (mut images, mut bad, mut num_bad_rows, mut num_empty) = (Vec::new(), Vec::new(), 0, 0);
        let mut notes = Vec::new();
        let mut layout: Option<TableLayout> = None;
        let mut of_parts: Option<String> = None;
        let mut last_row = 0;
        for &ZipFile { entry, path } in tables {
            let in_table = |source| DataError::InFile { role: "table", name: path.clone(), source: Box::new(source) };
            let bytes = archive.read(*entry);
            let bytes = bytes.map_err(|source| DataError::Unpacked { name: path.clone(), source })?;
            let may_join = read.label_column.as_deref().is_none_or(|name| name == JOINED);
            // The columns of the first are those of all.
            let image_column = layout.as_ref().map(|first| first.image_column.clone()).or(read.image_column.clone());
            let label_column = layout.as_ref().map(|first| first.label_column.clone()).or(read.label_column.clone());
            let read = ReadOptions { image_column, label_column, ..read.clone() };
            let mut table = parse_table(path, &bytes, &read).map_err(in_table)?;
            let image = self.choose_image(&table, &read).map_err(in_table)?;
            if may_join {
                join_one_hot(&mut table, image).map_err(in_table)?;
            }
            let used = self.choose(&table, &read, known_labels).map_err(in_table)?;
            let folder = folder_of(path);
            let is_used = |index: usize| used.iter().any(|used: &UsedColumn| used.index == index);
            of_parts = of_parts.or_else(|| note_on_parts(&table, is_used, PARTS_REMEDY));
            layout.get_or_insert_with(|| TableLayout::of(&table, used));
            last_row = number_on(&mut table, last_row);
            for mut row in std::mem::take(&mut table.rows) {
                match self.take_row(&mut row, used, &table.columns, folder) {
                    Ok(image) => images.push(image),
                    Err(wrong) => {
                        num_empty += usize::from(matches!(wrong, BadCell::Empty(_)));
                        num_bad_rows += 1;
                        if bad.len() < MAX_LISTED {
                            bad.push(BadRow { row: row.number, reason: wrong.into_reason() });
                        }
                    }
                }
            }
            num_bad_rows += table.num_bad_rows;
            bad.append(&mut table.bad_rows);
            notes.append(&mut table.notes);
        }
        let layout = layout.expect("there is a table");
        bad.sort_by_key(|bad| bad.row);
        notes.extend(self.warn(&layout.image_column));
        self.find_splits(&mut images);
        if images.iter().all(|image| image.split == 0) {
            notes.extend(of_parts);
        }
        Ok(TableRows { images, bad_rows: bad, num_bad_rows, num_empty, notes, layout })
    }

    /// The column of file names: as asked for, else by its name, else by what is in it.
    fn choose_image(&self, table: &Table, read: &ReadOptions) -> Result<usize, DataError> {
        if let Some(name) = &read.image_column {
            return find_column(table, name);
        }
        let found = guess_image(table).or_else(|| self.guess_stems(table));
        found.ok_or_else(|| DataError::NoImageColumn { columns: table.columns.clone() })
    }

    /// A column of names of images without their ending, each another one.
    fn guess_stems(&self, table: &Table) -> Option<usize> {
        let sample = &table.rows[..table.rows.len().min(SAMPLE)];
        let holds_stems = |column: &usize| {
            let cells: HashSet<&str> = sample.iter().map(|row| row.cells[*column].trim()).collect();
            let num_found = cells.iter().filter(|cell| matches!(self.by_stem.get::<str>(cell), Some(Some(_)))).count();
            cells.len() == sample.len() && num_found > 1 && num_found * 10 >= sample.len() * 9
        };
        (0..table.columns.len()).find(holds_stems)
    }

    /// The columns of file names and of labels: as asked for, else by their names, else by what is in them.
    fn choose(&self, table: &Table, read: &ReadOptions, known_labels: &[String]) -> Result<[UsedColumn; 2], DataError> {
        let image = self.choose_image(table, read)?;
        let label = match &read.label_column {
            Some(name) => find_column(table, name)?,
            None if table.columns.len() == 1 => {
                return Err(DataError::NoLabelColumn { columns: table.columns.clone() });
            }
            None => {
                let text_column = Some(table.columns[image].clone());
                let read = ReadOptions { text_column, text_pair_column: Some(String::new()), ..ReadOptions::default() };
                choose_columns(table, &read, known_labels)?.label
            }
        };
        if image == label {
            let column = table.columns[image].clone();
            return Err(DataError::SharedColumn { column, first: "file name", second: "label" });
        }
        Ok([UsedColumn { role: "image", index: image }, UsedColumn { role: "label", index: label }])
    }

    fn take_row(
        &mut self,
        row: &mut Row,
        [image, label]: [UsedColumn; 2],
        columns: &[String],
        folder: &str,
    ) -> Result<ListedImage, BadCell> {
        let cell = take_filled(row, image, columns)?;
        let (label, no_label) = match take_filled(row, label, columns) {
            Ok(label) => (label.trim().to_owned(), None),
            Err(BadCell::Empty(reason) | BadCell::Unlabeled(reason)) => (String::new(), Some(reason)),
            Err(other) => return Err(other),
        };
        let index = self.find(folder, &cell).map_err(BadCell::Other)?;
        self.is_named[index] = true;
        let ZipFile { entry, path } = &self.images[index];
        Ok(ListedImage { row: row.number, entry: *entry, path: path.clone(), label, no_label, split: 0 })
    }

    /// Says which images no row names, and how many were found by less than their path.
    fn warn(&self, image_column: &str) -> Vec<String> {
        let is_unnamed = |(_, is_named): &(&ZipFile, &bool)| !**is_named;
        let unnamed: Vec<&str> =
            self.images.iter().zip(&self.is_named).filter(is_unnamed).map(|(image, _)| image.path.as_str()).collect();
        let mut notes = Vec::new();
        if !unnamed.is_empty() {
            let (images, are) = (plural(unnamed.len(), "image"), if unnamed.len() == 1 { "is" } else { "are" });
            notes.push(format!("{images} {are} named by no row of the table and {are} left out: {}", quoted(&unnamed)));
        }
        if self.num_by_name > 0 {
            let rows = plural(self.num_by_name, "row");
            notes.push(format!(
                "the images of {rows} were found by their names alone: column {image_column:?} holds other paths than theirs"
            ));
        }
        notes
    }

    /// Sets the splits of images where all that are named lie in folders of splits.
    fn find_splits(&self, images: &mut [ListedImage]) {
        let start = common_folder(self.images);
        let has_all = images.iter().all(|image| split_of(&image.path[start..]).is_some());
        if !has_all || !has_splits(images.iter().map(|image| &image.path[start..]), 2) {
            return;
        }
        for image in images {
            image.split = split_of(&image.path[start..]).expect("all lie in folders of splits");
        }
    }
}

impl TableLayout {
    fn of(table: &Table, [image, label]: [UsedColumn; 2]) -> Self {
        Self {
            format: table.format,
            delimiter: table.delimiter,
            has_header: table.has_header,
            columns: table.columns.clone(),
            reading: FileReading::of(table),
            image_column: table.columns[image.index].clone(),
            label_column: table.columns[label.index].clone(),
        }
    }
}

/// Reads a table. Its first row names the columns where it has a name of a column of file names, whatever stands below.
fn parse_table(path: &str, bytes: &[u8], read: &ReadOptions) -> Result<Table, DataError> {
    let table = parse(path, bytes, read)?;
    let is_name = |cell: &String| {
        name_rank(cell, IMAGE_NAMES).is_some() || read.image_column.as_deref().is_some_and(|name| name == cell.trim())
    };
    let is_header = |row: &Row| row.cells.iter().any(is_name);
    let may_have_header = table.format == Format::Csv && !table.has_header && read.has_header.is_none();
    if !may_have_header || !table.rows.first().is_some_and(is_header) {
        return Ok(table);
    }
    parse(path, bytes, &ReadOptions { has_header: Some(true), ..read.clone() })
}

fn guess_image(table: &Table) -> Option<usize> {
    let rank = |index: &usize| name_rank(&table.columns[*index], IMAGE_NAMES);
    let named = (0..table.columns.len()).filter(|index| rank(index).is_some()).min_by_key(rank);
    let holds_names = |index: &usize| {
        let sample = table.rows.len().min(SAMPLE);
        let names = table.rows[..sample].iter().filter(|row| is_image_name(row.cells[*index].trim()));
        sample > 0 && names.count() * 2 > sample
    };
    named.or_else(|| (0..table.columns.len()).find(holds_names))
}

/// The folder of a path, with its last `/`; empty where it lies in none.
fn folder_of(path: &str) -> &str {
    path.rfind('/').map_or("", |slash| &path[..=slash])
}

/// A text with each letter and its accents as one character, where there is such a one.
fn composed(text: &str) -> String {
    let mut normalized = NormalizedString::from(text);
    normalized.nfc();
    normalized.get().to_owned()
}

/// A path without its folders.
fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// A name without its ending.
fn stem_of(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

#[cfg(test)]
mod tests;
