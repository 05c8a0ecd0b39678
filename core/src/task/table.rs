//! The table of tasks: a line here and a room of the same name beside this file are a new task.
//!
//! It lies below all other rooms, so that a job file and a message can name a task; everything else that there is to
//! say about one stands in its room ([`super::TaskSpec`]).

use serde::{Deserialize, Serialize};

/// Calls a macro with every task: what it is, the name of its room, and the name of its variant.
#[macro_export]
macro_rules! for_each_task {
    ($callback:ident) => {
        $callback! {
            /// One label for a text, or for a pair of texts.
            sequence_classification SequenceClassification,
            /// Numbers for a text, or for a pair of texts.
            regression Regression,
            /// Any number of labels for a text, or for a pair of texts.
            multi_label MultiLabel,
            /// A tag for each word: names and terms in texts.
            token_classification TokenClassification,
            /// A part of a text that answers a question.
            question_answering QuestionAnswering,
            /// The next token.
            causal_lm CausalLm,
            /// A text for a text.
            seq2seq_lm Seq2seqLm,
            /// Tokens that were hidden.
            masked_lm MaskedLm,
            /// Vectors that are close to each other for texts that belong together.
            sentence_embedding SentenceEmbedding,
            /// One label for an image.
            image_classification ImageClassification,
        }
    };
}

macro_rules! define_tasks {
    ($($(#[$doc:meta])* $room:ident $variant:ident,)*) => {
        /// What a model learns to give back.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Task {
            #[default]
            $($(#[$doc])* $variant,)*
        }

        impl Task {
            /// All of them, in the order in which a person is shown them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// As settings, job files and messages spell it: the name of its room.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($room),)*
                }
            }

            /// The task of a name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|task| task.name() == name)
            }
        }
    };
}

for_each_task!(define_tasks);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_spelled_the_same_in_files_and_settings() {
        for &task in Task::ALL {
            assert_eq!(serde_json::to_string(&task).expect("a name"), format!("{:?}", task.name()));
            assert_eq!(Task::from_name(task.name()), Some(task));
        }
        assert_eq!(Task::from_name("translation"), None);
    }
}
