//! The messages of the worker that the page reads from its start. In: what the worker posts as [`FromWorker`]. Out: the same,
//! where it is one of those that the first step waits for; all others are refused, and are read as [`FromWorker`] once the parts
//! of the later steps are there (ADR 42). Code that reads all of them would be a fifth of what shows the page.

use serde::Deserialize;

use super::{
    DeviceReport, FromWorker, KeptModels, KeptProjects, KeptRuns, MemoryReport, ModelInfo, Problem, Reply, RequestId,
    RunId,
};

/// A message that the first step waits for, written as [`FromWorker`] is.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EarlyMessage {
    /// [`FromWorker::Ready`].
    Ready {
        /// Version of the worker.
        version: String,
    },
    /// [`FromWorker::Reply`] to what the first step asks, or why a command failed.
    Reply {
        /// To which request.
        id: RequestId,
        /// What came of it.
        result: Result<EarlyReply, Problem>,
    },
    /// [`FromWorker::Download`].
    Download {
        /// File name.
        file: String,
        /// Bytes so far.
        received: u64,
        /// Bytes in all, if the server said.
        total: Option<u64>,
        /// Came from the cache.
        cached: bool,
    },
    /// [`FromWorker::Traffic`].
    Traffic {
        /// Address, without a password.
        url: String,
        /// Requests since the last message about it.
        requests: usize,
        /// Bytes received since then.
        received: u64,
    },
    /// [`FromWorker::Failed`].
    Failed {
        /// The run it happened in.
        run: Option<RunId>,
        /// What happened.
        problem: Problem,
        /// The device failed as one does that has too little memory.
        lacks_memory: bool,
    },
}

/// An answer that the first step waits for, written as [`Reply`] is.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EarlyReply {
    /// [`Reply::Device`].
    Device {
        /// What it is.
        device: DeviceReport,
    },
    /// [`Reply::Model`].
    Model {
        /// What it is.
        model: Box<ModelInfo>,
    },
    /// [`Reply::Runs`].
    Runs {
        /// What is kept.
        kept: KeptRuns,
    },
    /// [`Reply::Projects`].
    Projects {
        /// What is kept.
        kept: KeptProjects,
    },
    /// [`Reply::Models`].
    Models {
        /// What is kept.
        kept: KeptModels,
    },
    /// [`Reply::Memory`].
    Memory {
        /// The figures.
        memory: MemoryReport,
    },
    /// [`Reply::Done`].
    Done,
}

impl From<EarlyMessage> for FromWorker {
    fn from(message: EarlyMessage) -> Self {
        match message {
            EarlyMessage::Ready { version } => Self::Ready { version },
            EarlyMessage::Reply { id, result } => Self::Reply { id, result: result.map(Reply::from) },
            EarlyMessage::Download { file, received, total, cached } => {
                Self::Download { file, received, total, cached }
            }
            EarlyMessage::Traffic { url, requests, received } => Self::Traffic { url, requests, received },
            EarlyMessage::Failed { run, problem, lacks_memory } => Self::Failed { run, problem, lacks_memory },
        }
    }
}

impl From<EarlyReply> for Reply {
    fn from(reply: EarlyReply) -> Self {
        match reply {
            EarlyReply::Device { device } => Self::Device { device },
            EarlyReply::Model { model } => Self::Model { model: *model },
            EarlyReply::Runs { kept } => Self::Runs { kept },
            EarlyReply::Projects { kept } => Self::Projects { kept },
            EarlyReply::Models { kept } => Self::Models { kept },
            EarlyReply::Memory { memory } => Self::Memory { memory },
            EarlyReply::Done => Self::Done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ProblemKind;
    use super::*;

    fn reply(result: Result<Reply, Problem>) -> FromWorker {
        FromWorker::Reply { id: RequestId(7), result }
    }

    #[test]
    fn an_early_message_is_read_as_it_was_written() {
        let problem = || Problem { kind: ProblemKind::Network, message: "m".into(), hint: "h".into() };
        let kept_runs = KeptRuns { unreadable: vec!["a".into()], shared_bytes: 3, ..KeptRuns::default() };
        for message in [
            FromWorker::Ready { version: "1".into() },
            FromWorker::Download { file: "f".into(), received: 1, total: Some(2), cached: true },
            FromWorker::Traffic { url: "u".into(), requests: 1, received: 2 },
            FromWorker::Failed { run: Some(RunId(1)), problem: problem(), lacks_memory: true },
            reply(Ok(Reply::Runs { kept: kept_runs })),
            reply(Ok(Reply::Memory { memory: MemoryReport { wasm: 5, ..MemoryReport::default() } })),
            reply(Ok(Reply::Done)),
            reply(Err(problem())),
        ] {
            let json = serde_json::to_string(&message).expect("plain values");
            let read: EarlyMessage = serde_json::from_str(&json).unwrap_or_else(|error| panic!("{json}: {error}"));
            assert_eq!(serde_json::to_string(&FromWorker::from(read)).expect("plain values"), json);
        }
    }

    #[test]
    fn a_message_of_later_steps_is_refused() {
        for message in [
            FromWorker::FindingProgress { done: 1, total: 2 },
            reply(Ok(Reply::Packed { blob: 0 })),
            reply(Ok(Reply::Refused {
                problem: Problem { kind: ProblemKind::Bug, message: String::new(), hint: String::new() },
            })),
        ] {
            let json = serde_json::to_string(&message).expect("plain values");
            assert!(serde_json::from_str::<EarlyMessage>(&json).is_err(), "{json}");
        }
    }
}
