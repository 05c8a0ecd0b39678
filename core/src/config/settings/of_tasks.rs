//! Settings of a task or two: windows and answers, targets, hidden tokens, similarities, images, changed copies of texts. What
//! several tasks share stands in the other parts.

use super::super::TextAugmentation;
use super::super::setting::{Of, Setting, field, put, real, switch, whole, words};

/// The word for no column.
const NO_COLUMN: &str = "none";

/// The second part of the table.
pub(super) const OF_TASKS: &[Setting] = &[
    Setting {
        value_name: "TOKENS",
        of: Of::SomeTasks,
        is_advanced: true,
        help: "Tokens that two windows of a long text share",
        label: "Overlap of windows",
        unit: "tokens",
        hint: "A text that is longer than the longest input is read in windows, and each shares so many tokens with the next.",
        ..field!(whole, doc_stride, 1, 65_536)
    },
    Setting {
        value_name: "TOKENS",
        of: Of::SomeTasks,
        is_advanced: true,
        help: "Most tokens of an answer",
        label: "Longest answer",
        unit: "tokens",
        hint: "Longer parts of the text are never given as an answer.",
        ..field!(whole, max_answer_length, 1, 65_536)
    },
    Setting {
        value_name: "SCORE",
        of: Of::SomeTasks,
        is_advanced: true,
        help: "How much better no answer must score than the best one to be given (rows without an answer)",
        label: "Threshold for no answer",
        hint: "Higher: an answer is given more often. Only for rows of which some have no answer.",
        ..field!(real, null_score_threshold, -1e6, 1e6)
    },
    Setting {
        value_name: "TOKENS",
        of: Of::SomeTasks,
        help: "Tokens after which a target is cut off (seq2seq-lm)",
        label: "Longest target",
        unit: "tokens",
        hint: "Longer targets are cut off: the model learns no more of them.",
        ..field!(whole, max_target_length, 2, 65_536)
    },
    Setting {
        value_name: "N",
        of: Of::SomeTasks,
        is_advanced: true,
        help: "Texts to write of validation prompts before training and at each evaluation; 0 writes none (causal-lm, seq2seq-lm)",
        needs_valid: true,
        label: "Texts at each evaluation",
        unit: "texts",
        hint: "Written of validation rows before training and at each evaluation, to be read side by side. More take longer.",
        ..field!(whole, eval_samples, 0, 20)
    },
    Setting {
        of: Of::SomeTasks,
        help: "Train on every token of a word, not only its first",
        label: "Label every token of a word",
        hint: "Usually only the first token of a word counts.",
        ..field!(switch, label_all_tokens)
    },
    Setting {
        value_name: "SHARE",
        of: Of::SomeTasks,
        is_advanced: true,
        help: "Share of the tokens that are hidden and to be guessed",
        label: "Hidden tokens",
        unit: "share",
        hint: "So many of the tokens are hidden, and the model learns to guess them.",
        ..field!(real, mlm_probability, 0.01, 0.9)
    },
    Setting {
        of: Of::SomeTasks,
        help: "Hide whole words rather than single tokens",
        label: "Hide whole words",
        hint: "Harder to guess, and often better for what is trained next.",
        ..field!(switch, whole_word_masking)
    },
    Setting {
        of: Of::SomeTasks,
        help: "Begin with fresh weights: of the model only config.json and the tokenizer are needed",
        label: "Begin with fresh weights",
        hint: "Forgets what the model knows. Only worth it with very many texts.",
        ..field!(switch, from_scratch)
    },
    Setting {
        value_name: "SCALE",
        of: Of::SomeTasks,
        is_advanced: true,
        help: "What similarities are multiplied with in the loss (1 / temperature)",
        label: "Scale of similarities",
        hint: "The inverse of the temperature: higher looks harder at the closest wrong rows.",
        ..field!(real, similarity_scale, 1e-3, 1e4)
    },
    Setting {
        value_name: "T",
        of: Of::SomeTasks,
        is_advanced: true,
        help: "With --part: above 1, small tasks are trained on more and large ones less, by rows^(1/T)",
        label: "Temperature of tasks",
        hint: "With several tasks at once: above 1, small ones are trained on more often and large ones less.",
        ..field!(real, task_temperature, 1.0, 100.0)
    },
    Setting {
        of: Of::SomeTasks,
        is_advanced: false,
        help: "Mirror half of the training images, left to right (image-classification)",
        label: "Mirror images",
        hint: "Half of the training images are mirrored, others in each epoch. Not where left and right differ, as in writing.",
        ..field!(switch, horizontal_flip)
    },
    Setting {
        value_name: "SHARE",
        of: Of::SomeTasks,
        help: "Train on random cuts of an image that have at least this share of its area; 1 cuts nothing (image-classification)",
        label: "Smallest cut",
        unit: "share",
        hint: "The model sees a random part of each training image, at least so much of its area. 1 shows it whole; 0.6 is usual for few images.",
        ..field!(real, random_resized_crop, 0.05, 1.0)
    },
    Setting {
        value_name: "SHARE",
        of: Of::SomeTasks,
        is_advanced: true,
        help: "Change brightness, contrast and saturation of training images by up to this share (image-classification)",
        label: "Change of colours",
        unit: "share",
        hint: "Brightness, contrast and saturation of a training image are each changed by up to this share. Not where colours tell the labels apart.",
        ..field!(real, color_jitter, 0.0, 1.0)
    },
    Setting {
        value_name: "DEGREES",
        of: Of::SomeTasks,
        is_advanced: true,
        help: "Turn training images by up to so many degrees, either way (image-classification)",
        label: "Turn images",
        unit: "degrees",
        hint: "Training images are turned by up to so many degrees, either way; corners that come free are black.",
        ..field!(real, rotation, 0.0, 180.0)
    },
    Setting {
        value_name: "ALPHA",
        of: Of::SomeTasks,
        is_advanced: true,
        help: "Mix training images and their labels in pairs, by a share from Beta(alpha, alpha); 0 mixes none \
               (image-classification)",
        label: "Mixup",
        hint: "Images of a batch are laid over each other, with their labels. 0.2 is usual; the training loss is higher for it.",
        ..field!(real, mixup_alpha, 0.0, 10.0)
    },
    Setting {
        get: |run| run.augmentation.kinds_to_text(),
        set: |run, text| put(&mut run.augmentation.augment_texts, TextAugmentation::parse_kinds(text)),
        value_name: "KINDS",
        of: Of::SomeTasks,
        help: "Also train on changed copies of the training rows, with commas between: synonyms (words that mean the same, \
               English), swap (words change places), deletion (words are left out), typos; none adds none (EDA, Wei and Zou 2019)",
        label: "Augment texts",
        unit: "none, or kinds with commas between",
        hint: "Adds changed copies of the training rows: synonyms (English), swap, deletion, typos. It helps most with few rows. \
               Validation and test rows stay as they are. (EDA, Wei and Zou 2019)",
        ..words("augment_texts")
    },
    Setting {
        of: Of::SomeTasks,
        is_advanced: true,
        help: "Changed copies of each training row, with --augment-texts; each is changed in one of the ways",
        label: "Copies of a row",
        unit: "copies",
        hint: "Changed copies of each training row. The paper takes up to 16 of them for 500 rows, and 4 for 5,000.",
        ..field!(whole, augmentation.augment_copies, 1, 16)
    },
    Setting {
        value_name: "SHARE",
        of: Of::SomeTasks,
        is_advanced: true,
        help: "Share of the words of a text that are changed in a copy, at least one, with --augment-texts",
        label: "Words changed in a copy",
        unit: "share",
        hint: "Share of the words of a text that are changed in a copy, at least one word. 0.05 to 0.1 is usual; more may change \
               what a text means.",
        ..field!(real, augmentation.augment_share, 0.01, 0.5)
    },
    Setting {
        get: |run| run.augmentation.pairs_to_text(),
        set: |run, text| put(&mut run.augmentation.augment_pairs, TextAugmentation::parse_pairs(text)),
        value_name: "PAIRS",
        of: Of::SomeTasks,
        is_advanced: true,
        help: "Also train on each training row that has a word of these pairs, with the other word in its place and the same \
               answer, such as he=she, John=Mary, or pronouns for a list of English ones (counterfactual augmentation, Zhao et al. \
               2018)",
        label: "Words to swap",
        unit: "none, or pairs with commas between",
        hint: "Each training row that has one of these words is learned a second time, with the other word in its place and the same \
               answer, so that the answer hangs less on it: he=she, John=Mary, pronouns. (Zhao et al. 2018)",
        ..words("augment_pairs")
    },
    Setting {
        get: |run| if run.balance_column.is_empty() { NO_COLUMN.to_owned() } else { run.balance_column.clone() },
        set: |run, text| {
            run.balance_column = if text.trim() == NO_COLUMN { String::new() } else { text.trim().to_owned() };
            Ok(())
        },
        value_name: "COLUMN",
        of: Of::SomeTasks,
        is_advanced: true,
        help: "Let each value of a column of the training rows come equally often in an epoch, in as many rows as there are: rows of \
               rare values come again, of common ones each epoch leaves out others; none takes every row once (Idrissi et al. 2022)",
        label: "Even out a column",
        unit: "none, or the name of a column",
        hint: "Each value of this column comes equally often, so that no group is learned at the cost of another. Rows of rare \
               values come again, and are learned by heart sooner; of common ones some are left out of each epoch. (Idrissi et al. \
               2022)",
        ..words("balance_column")
    },
];
