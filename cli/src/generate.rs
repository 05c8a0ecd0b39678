//! `hone generate`: a language model writes on from a prompt or from each of a file, or talks.

mod whole_file;

use std::io::{self, BufRead, Write};
use std::process::ExitCode;

use anyhow::bail;
use futures_lite::future::block_on;
use hone_core::config::PromptFormat;
use hone_core::generate::{FinishReason, SamplingConfig};
use hone_core::session::protocol::{Prompt, Weights, WriteAs};
use hone_core::session::{Generated, Session};
use hone_core::tokenizer::{Role, Turn};
use serde_json::json;

use self::whole_file::WholeFile;
use crate::args::GenerateArgs;
use crate::device;
use crate::inputs::{check_job, load_session};
use crate::model_files;
use crate::progress::{Progress, say};

/// Runs `hone generate`.
///
/// # Errors
/// A model that writes nothing, a prompt that is too long, a device that fails.
pub(crate) fn run(args: &GenerateArgs) -> anyhow::Result<ExitCode> {
    let (choice, mut sampling, format) = args.settings()?;
    let file = WholeFile::open(args)?;
    let model = model_files::load_with_adapter(&args.model, args.adapter.as_deref())?;
    check_job(&model)?;
    let progress = Progress::new(false, 0.0);
    let mut session = load_session(device::open(choice)?, model, None, &progress)?;
    let notes = session.follow_generation_config(&mut sampling, |setting| args.is_typed(setting))?;
    notes.iter().for_each(|note| progress.note(note));
    args.check_with_model(&sampling)?;
    let tuned = if session.is_trained() { Weights::Tuned } else { Weights::Base };
    if args.compare && tuned == Weights::Base {
        bail!(
            "--compare shows a model with and without its adapter; there is no adapter here: name one with --adapter"
        );
    }
    if let Some(file) = file {
        let format = resolve_format(format, &session, &progress);
        return file.answer(&mut session, WriteAs { format, sampling }, &progress);
    }
    if args.chat {
        session.check_chat()?;
    }
    let system = args.system.iter().map(|text| Turn::new(Role::System, text.as_str()));
    let mut turns: Vec<Turn> = system.collect();
    match &args.prompt {
        Some(prompt) if args.chat => {
            turns.push(Turn::new(Role::User, prompt.as_str()));
            answer(args, &mut session, &Prompt::Turns(turns), tuned, &sampling)?;
        }
        Some(prompt) => {
            let format = resolve_format(format, &session, &progress);
            let prompt = Prompt::from_bare(&format, prompt);
            if let Some(limit) = session.longer_than_trained(&prompt)? {
                progress
                    .note(&format!("the text is longer than the {limit} tokens that training read: it is read whole"));
            }
            answer(args, &mut session, &prompt, tuned, &sampling)?;
        }
        None => {
            progress.note("type a line and press Enter; an empty line ends the chat");
            for line in io::stdin().lock().lines() {
                let line = line?;
                if line.trim().is_empty() {
                    break;
                }
                turns.push(Turn::new(Role::User, line));
                let reply = answer(args, &mut session, &Prompt::Turns(turns.clone()), tuned, &sampling)?;
                turns.push(Turn::new(Role::Assistant, reply));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// How prompts are given to the model: as asked for, else as in its training, which is said.
fn resolve_format(asked: Option<PromptFormat>, session: &Session, progress: &Progress) -> PromptFormat {
    asked.unwrap_or_else(|| {
        let format = session.prompt_format();
        if format != PromptFormat::Plain {
            let rest = "as in its training; --prompt-format plain gives it as it stands";
            progress.note(&format!("the prompt is given to the model {}: {rest}", format.describe()));
        }
        format
    })
}

/// Writes the tuned model's answer, and with `--compare` the base model's before it; returns the former.
fn answer(
    args: &GenerateArgs,
    session: &mut Session,
    prompt: &Prompt,
    tuned: Weights,
    sampling: &SamplingConfig,
) -> anyhow::Result<String> {
    if args.compare {
        write_answer(args, session, prompt, Weights::Base, sampling, "base")?;
    }
    let name = if args.compare { "tuned" } else { "" };
    Ok(write_answer(args, session, prompt, tuned, sampling, name)?.text)
}

/// Writes the answer of some weights, below their name where they have one.
fn write_answer(
    args: &GenerateArgs,
    session: &mut Session,
    prompt: &Prompt,
    weights: Weights,
    sampling: &SamplingConfig,
    name: &str,
) -> anyhow::Result<Generated> {
    let mut out = io::stdout().lock();
    if !name.is_empty() && !args.json {
        writeln!(out, "--- {name}")?;
    }
    let show = async |piece: &str| -> bool {
        args.json || out.write_all(piece.as_bytes()).and_then(|()| out.flush()).is_ok() // else whoever read along left
    };
    let generated = block_on(session.generate(prompt, weights, sampling, show))?;
    if args.json {
        let finish = match generated.finish_reason {
            FinishReason::Stop => "stop",
            FinishReason::Length => "length",
        };
        let line = json!({
            "weights": weights,
            "text": generated.text,
            "num_tokens": generated.num_tokens,
            "finish_reason": finish,
            "filtered": generated.filtered,
        });
        writeln!(out, "{line}")?;
    } else {
        writeln!(out)?;
        if let Some(words) = generated.filtered.in_words() {
            say(&words);
        }
    }
    if let Some(window) = generated.filled_window {
        say(&format!(
            "the text ended because the model's window of {window} tokens (max_position_embeddings) is full, before the limit that was set"
        ));
    }
    Ok(generated)
}
