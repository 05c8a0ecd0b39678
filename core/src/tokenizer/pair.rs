//! Two texts as one sequence of tokens: special tokens around and between them, and token types, as the tokenizer's
//! post-processor makes them and the model is given them; the longer text is cut first, as `transformers` does with
//! `truncation="longest_first"`.

use tokenizers::utils::truncation::{TruncationParams, TruncationStrategy, truncate_encodings};
use tokenizers::{Encoding, PostProcessor};

use super::windows::not_joined;
use super::{EncodedText, Tokenizer, TokenizerError};

impl Tokenizer {
    /// Tokenises two texts to at most `max_seq_length` ids: what is too much is cut off the longer text until both are
    /// equally long, then off both; the special tokens stay.
    ///
    /// # Errors
    /// When `max_seq_length` has no room for the special tokens, the tokenizer fails on a text or can't join two, or the
    /// model has no segment for the second.
    pub fn encode_pair(&self, first: &str, second: &str, max_seq_length: usize) -> Result<EncodedText, TokenizerError> {
        self.check_pair_type_ids()?;
        let num_special = self.post_processor.as_ref().map_or(0, |processor| processor.added_tokens(true));
        if max_seq_length <= num_special {
            return Err(TokenizerError::TooShort { max_seq_length, num_special });
        }
        let max_length = max_seq_length - num_special;
        let (first, is_first_whole) = self.tokens_to_keep(first, max_length)?;
        let (second, is_second_whole) = self.tokens_to_keep(second, max_length)?;
        let num_tokens_untruncated = first.len() + second.len() + num_special;
        let strategy = TruncationStrategy::LongestFirst;
        let params = TruncationParams { direction: self.direction, max_length, strategy, stride: 0 };
        let failed = |source| TokenizerError::Text { source };
        let (first, second) = truncate_encodings(first, Some(second), &params).map_err(failed)?;
        let mut encodings: Vec<Encoding> = [Some(first), second].into_iter().flatten().collect();
        for (index, encoding) in encodings.iter_mut().enumerate() {
            encoding.take_overflowing();
            encoding.set_type_ids(vec![index as u32; encoding.len()]);
        }
        let num_joined = encodings.iter().map(Encoding::len).sum::<usize>() + num_special;
        let joined = match &self.post_processor {
            Some(processor) => {
                let mut texts = encodings.into_iter();
                let first = texts.next().expect("there are two texts");
                processor.process(first, texts.next(), true).map_err(failed)?
            }
            None => Encoding::merge(encodings, false),
        };
        if joined.len() != num_joined {
            return Err(not_joined());
        }
        Ok(EncodedText {
            ids: joined.get_ids().to_vec(),
            type_ids: self.type_ids_of(&joined),
            num_tokens_untruncated,
            is_lower_bound: !(is_first_whole && is_second_whole),
        })
    }

    /// Whether the model has a segment for every token of two texts.
    pub(super) fn check_pair_type_ids(&self) -> Result<(), TokenizerError> {
        let largest = self.max_pair_type_id;
        match self.type_vocab_size.filter(|&size| self.has_type_ids && largest as usize >= size) {
            Some(type_vocab_size) => Err(TokenizerError::PairTypeIdOutside { largest, type_vocab_size }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{bert, roberta, tokenizer, word_piece_json};
    use crate::folder::Folder;
    use proptest::prelude::*;

    /// `BertTokenizer` of transformers 5.24 with `truncation=True` on the same texts.
    #[test]
    fn the_longer_text_is_cut_first_as_in_transformers() {
        let mut folder = bert();
        let (long, short) = ("hello hello world ! hello", "world hello");
        type Case = (&'static str, &'static str, usize, [&'static [u32]; 2], usize);
        let cases: [Case; 6] = [
            (long, short, 64, [&[2, 5, 5, 6, 8, 5, 3, 6, 5, 3], &[2, 5, 5, 6, 8, 5, 3, 6, 5, 3]], 3),
            (long, short, 8, [&[2, 5, 5, 6, 3, 6, 5, 3], &[2, 6, 8, 5, 3, 6, 5, 3]], 3),
            (long, short, 6, [&[2, 5, 5, 3, 6, 3], &[2, 8, 5, 3, 5, 3]], 2),
            ("hello world", "world hello ! ! !", 6, [&[2, 5, 3, 6, 5, 3], &[2, 6, 3, 8, 8, 3]], 3),
            ("hello world !", "world hello !", 8, [&[2, 5, 6, 3, 6, 5, 8, 3], &[2, 6, 8, 3, 6, 5, 8, 3]], 4),
            ("hello world !", "world hello !", 4, [&[2, 3, 6, 3], &[2, 3, 8, 3]], 2),
        ];
        for (side, index) in [("right", 0), ("left", 1)] {
            folder.insert("tokenizer_config.json", format!(r#"{{"truncation_side": "{side}"}}"#));
            let tokenizer = tokenizer(&folder);
            for (first, second, max, ids, num_second) in cases {
                let found = tokenizer.encode_pair(first, second, max).expect("room enough");
                assert_eq!(found.ids, ids[index], "{side} {max}");
                let num_first = found.ids.len() - num_second;
                let types: Vec<u32> = (0..found.ids.len()).map(|at| u32::from(at >= num_first)).collect();
                assert_eq!(found.type_ids, types, "{side} {max}");
                let words = |text: &str| text.split(' ').count();
                assert_eq!(found.num_tokens_untruncated, words(first) + words(second) + 3);
                assert!(!found.is_lower_bound);
            }
        }
    }

    #[test]
    fn roberta_has_two_tokens_between_the_texts_and_one_type() {
        let found = tokenizer(&roberta()).encode_pair("hi", "hi", 64).expect("room enough");
        assert_eq!((found.ids, found.type_ids), (vec![0, 7, 2, 2, 7, 2], vec![0; 6]));
        let error = tokenizer(&roberta()).encode_pair("hi", "hi", 4).expect_err("no room").to_string();
        assert!(error.contains("beside 4 special tokens"), "{error}");
    }

    #[test]
    fn without_a_post_processor_the_texts_follow_each_other() {
        let mut folder = roberta();
        folder.insert("config.json", r#"{"model_type": "gpt2"}"#);
        let names = r#""model_input_names": ["input_ids", "token_type_ids", "attention_mask"]"#;
        folder.insert("tokenizer_config.json", format!("{{{names}}}"));
        let found = tokenizer(&folder).encode_pair("hi", " hi", 64).expect("room enough");
        assert_eq!((found.ids, found.type_ids), (vec![7, 8], vec![0, 1]));
        folder.insert("tokenizer_config.json", format!(r#"{{"bos_token": "<s>", "add_bos_token": true, {names}}}"#));
        let found = tokenizer(&folder).encode_pair("hi", " hi", 64).expect("room enough");
        assert_eq!((found.ids, found.type_ids), (vec![0, 7, 0, 8], vec![0, 0, 1, 1]));
    }

    #[test]
    fn both_texts_are_of_one_segment_where_the_model_is_given_none() {
        let mut folder = bert();
        for (settings, second) in [
            ("{}", 1),
            (r#"{"tokenizer_class": "PreTrainedTokenizerFast"}"#, 0),
            (r#"{"tokenizer_class": "DistilBertTokenizer"}"#, 0),
            (r#"{"model_input_names": ["input_ids", "attention_mask"]}"#, 0),
            (
                r#"{"tokenizer_class": "PreTrainedTokenizerFast", "model_input_names": ["input_ids", "token_type_ids"]}"#,
                1,
            ),
        ] {
            folder.insert("tokenizer_config.json", settings);
            let tokenizer = tokenizer(&folder);
            let types = vec![0, 0, 0, second, second];
            assert_eq!(tokenizer.encode_pair("hello", "world", 64).expect("room enough").type_ids, types, "{settings}");
            let layout = tokenizer.pair_layout().expect("it joins two texts");
            assert_eq!(layout.join(&[5], &[6]), (vec![2, 5, 3, 6, 3], types), "{settings}");
        }
    }

    #[test]
    fn a_model_without_a_second_segment_reads_single_texts_and_refuses_pairs() {
        let mut folder = bert();
        let of = |folder: &Folder, size| tokenizer(folder).with_type_vocab_size(size).expect("single texts fit");
        let small = of(&folder, 1);
        assert_eq!(small.encode("hello", 8).expect("room enough").type_ids, [0; 3]);
        let pair = small.encode_pair("hello", "world", 8).expect_err("no such segment").to_string();
        assert!(pair.contains("type_vocab_size of config.json is 1") && pair.contains("model_input_names"), "{pair}");
        assert_eq!(small.pair_layout().expect_err("no such segment").to_string(), pair);
        assert!(of(&folder, 2).encode_pair("hello", "world", 8).is_ok());
        assert_eq!([1, 2].map(|size| of(&folder, size).drops_type_ids()), [false; 2]);
        folder.insert("tokenizer_config.json", r#"{"tokenizer_class": "PreTrainedTokenizerFast"}"#);
        let found = of(&folder, 1).encode_pair("hello", "world", 8).expect("both are of segment 0");
        assert_eq!(found.type_ids, [0; 5]);
        assert_eq!([1, 2].map(|size| of(&folder, size).drops_type_ids()), [false, true]);
        let named = r#"{"tokenizer_class": "PreTrainedTokenizerFast", "model_input_names": ["input_ids"]}"#;
        folder.insert("tokenizer_config.json", named);
        assert!(!of(&folder, 2).drops_type_ids(), "the file says so");
    }

    #[test]
    fn a_post_processor_that_drops_a_text_is_an_error() {
        let mut json = word_piece_json();
        json["post_processor"] = serde_json::json!({
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [],
            "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]}},
        });
        let mut folder = Folder::new();
        folder.insert("tokenizer.json", json.to_string());
        folder.insert("tokenizer_config.json", r#"{"tokenizer_class": "PreTrainedTokenizerFast"}"#);
        let tokenizer = tokenizer(&folder);
        assert!(tokenizer.encode("hello", 8).is_ok());
        let error = tokenizer.encode_pair("hello", "world", 8).expect_err("no template for two").to_string();
        assert!(error.contains("does not say how two texts are joined"), "{error}");
    }

    proptest! {
        #[test]
        fn any_pair_fits_and_keeps_its_special_tokens(
            first in any::<String>(),
            second in any::<String>(),
            max_seq_length in 5_usize..20,
        ) {
            for (tokenizer, special) in [(tokenizer(&bert()), [2, 3, 3].as_slice()), (tokenizer(&roberta()), [0, 2, 2, 2].as_slice())] {
                let encoded = tokenizer.encode_pair(&first, &second, max_seq_length).expect("room enough");
                prop_assert_eq!(encoded.ids.len(), encoded.num_tokens_untruncated.min(max_seq_length));
                prop_assert_eq!(encoded.type_ids.len(), encoded.ids.len());
                prop_assert_eq!((encoded.ids[0], encoded.ids.last()), (special[0], special.last()));
            }
        }
    }
}
