//! Questions on the tagged sentences, which a very small model learns to answer in a few epochs.

use crate::tagged::sentence;

/// Sentences of an article.
const ARTICLE: usize = 4;

/// The sentence at an index, as a text.
#[must_use]
pub fn context(index: usize) -> String {
    let words: Vec<String> = sentence(index).into_iter().map(|(word, _)| word).collect();
    words.join(" ")
}

/// Who and when it was, in the sentence at an index.
#[must_use]
pub fn answers(index: usize) -> [String; 2] {
    ["who", "when"].map(|kind| {
        let tagged = sentence(index).into_iter().filter(|(_, tag)| tag.ends_with(kind));
        tagged.map(|(word, _)| word).collect::<Vec<_>>().join(" ")
    })
}

/// SQuAD's JSON on the first `count` sentences: who and when it was, and of every third where, which none says.
#[must_use]
pub fn squad(count: usize) -> String {
    let indices: Vec<usize> = (0..count).collect();
    let article = |indices: &[usize]| {
        let paragraphs: Vec<String> = indices.iter().map(|&index| paragraph(index)).collect();
        format!(r#"{{"title": "Story {}", "paragraphs": [{}]}}"#, indices[0], paragraphs.join(", "))
    };
    let articles: Vec<String> = indices.chunks(ARTICLE).map(article).collect();
    format!(r#"{{"version": "v2.0", "data": [{}]}}"#, articles.join(", "))
}

/// Questions of [`squad`] on so many sentences.
#[must_use]
pub fn num_questions(count: usize) -> usize {
    2 * count + count.div_ceil(3)
}

fn paragraph(index: usize) -> String {
    let context = context(index);
    let [who, when] = answers(index);
    let ask = |kind: &str, answers: String, is_impossible: bool| {
        format!(
            r#"{{"id": "{kind}-{index}", "question": "{kind} is it ?", "answers": [{answers}], "is_impossible": {is_impossible}}}"#
        )
    };
    let found = |text: &str| {
        let start = context.find(&format!(" {text}")).map_or(0, |space| space + 1);
        format!(r#"{{"text": "{text}", "answer_start": {start}}}"#)
    };
    let mut questions = vec![ask("who", found(&who), false), ask("when", found(&when), false)];
    if index.is_multiple_of(3) {
        questions.push(ask("where", String::new(), true));
    }
    format!(r#"{{"context": "{context}", "qas": [{}]}}"#, questions.join(", "))
}

#[cfg(test)]
mod tests {
    use super::{answers, context, num_questions, squad};

    #[test]
    fn answers_stand_in_their_context() {
        assert_eq!(context(0), "and the old man came to me that day");
        assert_eq!(answers(0), ["old man", "day"]);
        for index in 0..320 {
            assert!(answers(index).iter().all(|answer| context(index).contains(&format!(" {answer}"))));
        }
        let squad = squad(5);
        assert_eq!(squad.matches("\"question\"").count(), num_questions(5));
        assert!(squad.contains(r#""answers": [{"text": "old man", "answer_start": 8}]"#), "{squad}");
    }
}
