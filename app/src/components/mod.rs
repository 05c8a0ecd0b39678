//! Pieces of the page that know nothing of what it is for: they take values, signals and callbacks.

mod button;
mod choice;
mod class_box;
mod device_chip;
mod empty;
mod field;
mod file_input;
mod header;
mod network_chip;
mod page_drop;
mod picture;
mod problem;
mod progress;
mod rail;
mod table;
mod text_input;
mod virtual_rows;

pub(crate) use button::Button;
pub(crate) use choice::{check, select, text_area};
pub(crate) use class_box::{ClassAct, class_box};
pub(crate) use device_chip::DeviceChip;
pub(crate) use empty::Empty;
pub(crate) use field::Field;
pub(crate) use file_input::{FileInput, optional_file};
pub(crate) use header::{Brand, ThemeToggle};
pub(crate) use network_chip::NetworkChip;
pub(crate) use page_drop::{PageDrop, is_in_text_field};
pub(crate) use picture::picture;
pub(crate) use problem::ProblemAlert;
pub(crate) use progress::{Meter, Stat, amount_of, counted, share_of};
pub(crate) use rail::{Rail, RailItem};
pub(crate) use table::{Cell, facts, framed, sortable_table, table};
pub(crate) use text_input::TextInput;
pub(crate) use virtual_rows::{Extent, ROW_HEIGHT};
