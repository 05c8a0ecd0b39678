//! What is wrong with a tokenizer's files, or with a text.

use crate::hub::SENTENCEPIECE_FILES;

/// A tokenizer that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    /// No tokenizer in the folder.
    #[error(
        "the model has no tokenizer: expected tokenizer.json, vocab.txt, vocab.json with merges.txt, or a file of \
         SentencePiece ({}); in transformers, tokenizer.save_pretrained writes tokenizer.json",
        SENTENCEPIECE_FILES.join(", ")
    )]
    Missing,
    /// A tokenizer file is broken, cut off, or of a kind this build does not know.
    #[error("{file} can't be read: {source}")]
    Malformed {
        /// File name.
        file: &'static str,
        /// What the parser said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A special token that the model's layout needs is not in the vocabulary.
    #[error("{file} has no token {token:?}")]
    MissingToken {
        /// File name.
        file: &'static str,
        /// The token.
        token: String,
    },
    /// `vocab.json` and `merges.txt` do not say how the model cuts texts.
    #[error(
        "vocab.json with merges.txt is enough for GPT-2, GPT-Neo, Qwen and RoBERTa; a model of type {model_type:?} needs \
         its tokenizer.json"
    )]
    NeedsTokenizerJson {
        /// `model_type` of config.json.
        model_type: String,
    },
    /// A tokenizer class builds its tokenizer from a SentencePiece file by rules that are not known here.
    #[error(
        "{file} of {class} is not read; AutoTokenizer.from_pretrained(folder).save_pretrained(folder) of transformers \
         writes tokenizer.json, which is"
    )]
    NeedsConversion {
        /// File name.
        file: &'static str,
        /// The class.
        class: String,
    },
    /// A tokenizer class cuts texts by rules that `vocab.txt` does not hold.
    #[error(
        "tokenizer_config.json or config.json names {class}, and Hone cuts texts by a vocab.txt only as BertTokenizer and \
         MPNetTokenizer do: their tokens would be others than the model was trained on; take a model with a tokenizer.json"
    )]
    OtherWordPieces {
        /// The class.
        class: String,
    },
    /// Ids that the model has no embedding for.
    #[error(
        "the tokenizer does not belong to this model: it has ids up to {largest_id}, the model's vocabulary has \
         {model_vocab_size} tokens"
    )]
    TooManyTokens {
        /// Largest id that the tokenizer gives.
        largest_id: usize,
        /// Tokens in the model's vocabulary.
        model_vocab_size: usize,
    },
    /// Tokens that were added to the tokenizer and not to the model.
    #[error(
        "the model has {model_vocab_size} token embeddings, and none for tokens that were added to its tokenizer: {tokens}; in \
         transformers, model.resize_token_embeddings(len(tokenizer)) adds them, else take them out of the tokenizer's files"
    )]
    AddedWithoutRow {
        /// Some of them, with their ids.
        tokens: String,
        /// Tokens in the model's vocabulary.
        model_vocab_size: usize,
    },
    /// Segment ids that the model has no embedding for.
    #[error(
        "the tokenizer does not belong to this model: it gives tokens the segment {largest}, the model has \
         {type_vocab_size} segments (type_vocab_size)"
    )]
    TypeIdOutside {
        /// Largest segment id that the tokenizer gives.
        largest: u32,
        /// Segments that the model has.
        type_vocab_size: usize,
    },
    /// Segment ids of two texts that the model has no embedding for; single texts have others.
    #[error(
        "the model can't read two texts: its tokenizer gives their tokens segments up to {largest}, and type_vocab_size of \
         config.json is {type_vocab_size}; if it was trained on pairs without segments, add \
         \"model_input_names\": [\"input_ids\", \"attention_mask\"] to tokenizer_config.json"
    )]
    PairTypeIdOutside {
        /// Largest segment id that the tokenizer gives.
        largest: u32,
        /// Segments that the model has.
        type_vocab_size: usize,
    },
    /// A word can't become a token.
    #[error("{word:?} can't be added to the vocabulary: {reason}")]
    Word {
        /// The word.
        word: String,
        /// Why not.
        reason: String,
    },
    /// New tokens would get ids of others.
    #[error(
        "no word can be added to the vocabulary: its ids have gaps, so that a new token would get the id of another"
    )]
    Gaps,
    /// No room for text beside the special tokens.
    #[error("max_seq_length {max_seq_length} leaves no room for text beside {num_special} special tokens")]
    TooShort {
        /// What was asked for.
        max_seq_length: usize,
        /// Special tokens around every text.
        num_special: usize,
    },
    /// The tokenizer failed on a text.
    #[error("a text can't be tokenised: {source}")]
    Text {
        /// What the tokenizer said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
