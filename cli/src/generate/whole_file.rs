//! `hone generate --data FILE`: what a model writes after each prompt of a file, or turns each text of it into.
//!
//! In: a file of rows. Out: the same texts, each with what was written and why that ended; which rows have nothing, and why, is said.

use std::path::Path;
use std::process::ExitCode;

use anyhow::bail;
use futures_lite::future::block_on;
use hone_core::config::ReadOptions;
use hone_core::data::list_rows;
use hone_core::event::Split;
use hone_core::session::protocol::{Weights, WriteAs};
use hone_core::session::{Answered, Answering, Session};
use hone_core::task::{HeadKind, Inputs, NumberedInput, Prediction, Task};
use hone_core::words::plural;

use crate::args::GenerateArgs;
use crate::inputs::{file_name, holds_images, read_rows};
use crate::predict::render::{Layout, render};
use crate::predict::{read_file, say_left_out, write_answers};
use crate::progress::Progress;
use crate::result_file::check_file;

/// A file of prompts, read before anything slow begins.
pub(super) struct WholeFile<'a> {
    args: &'a GenerateArgs,
    path: &'a Path,
    bytes: Vec<u8>,
    layout: Layout,
}

impl<'a> WholeFile<'a> {
    /// The file that `--data` names, if it does.
    ///
    /// # Errors
    /// When it can't be read, or what is written can't go where it should.
    pub(super) fn open(args: &'a GenerateArgs) -> anyhow::Result<Option<Self>> {
        let Some(path) = args.data.as_deref() else { return Ok(None) };
        check_file("--output", args.output.as_deref(), &[path])?;
        let layout = Layout::choose(args.output.as_deref(), args.json)?;
        let (_, bytes) = read_rows("read the data", path, Split::Test, None)?;
        if holds_images(&bytes) {
            bail!("prompts are texts, and these are none: {}", path.display());
        }
        Ok(Some(Self { args, path, bytes, layout }))
    }

    /// Writes after each prompt, and hands all of it out.
    ///
    /// # Errors
    /// When the model does not write, no column holds prompts, none of them can be answered, or the device fails.
    pub(super) fn answer(
        self,
        session: &mut Session,
        write_as: WriteAs,
        progress: &Progress,
    ) -> anyhow::Result<ExitCode> {
        let Self { args, path, bytes, layout } = self;
        let task = session.task()?;
        if !task.spec().writes() {
            bail!("this model {}: hone predict --data answers a file with it", task.spec().does);
        }
        let answers = task.answers();
        let Inputs::Rows { file, choose } = &answers.inputs else { bail!("{} answers no rows", task.name()) };
        let asked = ReadOptions { has_header: args.header, ..asked_column(args.column.clone(), task) };
        let trained = session.read_inputs_as_trained((&file_name(path), &bytes), &asked, None);
        let inputs = read_file(path, &bytes, &trained, &[], (file, *choose), progress)?;
        let (inputs, predictions) = write_all(session, inputs, write_as, progress)?;
        let rendered = render(&inputs, &[], &predictions, answers, layout)?;
        write_answers(rendered, &inputs, "answered", task, args.output.as_deref(), progress)
    }
}

/// The column that was typed, as what it holds for the task.
fn asked_column(column: Option<String>, task: Task) -> ReadOptions {
    match task.spec().head {
        HeadKind::Seq2seqLm => ReadOptions { text_column: column, ..ReadOptions::default() },
        _ => ReadOptions { prompt_column: column, ..ReadOptions::default() },
    }
}

/// Those of the inputs that can be answered, with what was written. Says which can't, and what was replaced.
fn write_all(
    session: &mut Session,
    inputs: Vec<NumberedInput>,
    write_as: WriteAs,
    progress: &Progress,
) -> anyhow::Result<(Vec<NumberedInput>, Vec<Prediction>)> {
    let weights = if session.is_trained() { Weights::Tuned } else { Weights::Base };
    say_longer(session, &inputs, &write_as, progress)?;
    let texts = inputs.iter().map(|one| one.input.clone()).collect();
    let mut answering = Answering::new(texts, 1).writing(Some(write_as));
    let mut is_unfinished = !inputs.is_empty();
    while is_unfinished {
        let (done, total) = answering.progress();
        progress.rows("writing", done, total);
        is_unfinished = block_on(session.answer_inputs(&mut answering, weights, None))?;
    }
    progress.clear();
    let Answered { predictions, bad, filtered, .. } = answering.finish();
    say_left_out(bad.iter().map(|(index, reason)| (inputs[*index].row, reason)), bad.len(), "row", progress);
    if let Some(words) = filtered.in_words() {
        progress.note(&words);
    }
    let answered = inputs.into_iter().zip(predictions).filter_map(|(input, answer)| Some((input, answer?)));
    let (inputs, predictions): (Vec<NumberedInput>, Vec<Prediction>) = answered.unzip();
    if inputs.is_empty() && !bad.is_empty() {
        bail!("none of the prompts can be answered, for the reasons above");
    }
    Ok((inputs, predictions))
}

/// Says which sources are longer than those that training read.
fn say_longer(
    session: &Session,
    inputs: &[NumberedInput],
    write_as: &WriteAs,
    progress: &Progress,
) -> anyhow::Result<()> {
    let (mut rows, mut limit) = (Vec::new(), 0);
    for one in inputs {
        if let Some(tokens) = session.longer_than_trained(&write_as.prompt(&one.input))? {
            rows.push(one.row.to_string());
            limit = tokens;
        }
    }
    if !rows.is_empty() {
        let (texts, are) = (plural(rows.len(), "text"), if rows.len() == 1 { "is" } else { "are" });
        let rows = list_rows(&rows);
        progress.note(&format!(
            "{texts} {are} longer than the {limit} tokens that training read, and {are} read whole: rows {rows}"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_column_that_is_typed_holds_prompts_or_sources() {
        let prompts = asked_column(Some("ask".into()), Task::CausalLm);
        assert_eq!((prompts.prompt_column.as_deref(), prompts.text_column), (Some("ask"), None));
        let sources = asked_column(Some("de".into()), Task::Seq2seqLm);
        assert_eq!((sources.text_column.as_deref(), sources.prompt_column), (Some("de"), None));
    }
}
