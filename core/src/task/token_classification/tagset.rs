//! The tags of files, numbered as they come; after the training file no new ones are taken.

use std::collections::HashMap;

/// Tags by number.
#[derive(Debug, Default)]
pub(super) struct TagSet {
    /// Tags as their files spell them, in the order in which they came.
    pub(super) raw: Vec<String>,
    ids: HashMap<String, usize>,
    /// Every tag so far was a number without quotes: an id.
    are_ids: Option<bool>,
    /// Names of tags in the order of their ids, where the file has them.
    pub(super) names: Option<Vec<String>>,
    is_closed: bool,
}

impl TagSet {
    /// Numbers of tags. What is new gets the next number, until the set is closed.
    ///
    /// # Errors
    /// Names the first tag that is new to a closed set.
    pub(super) fn ids_of<'t>(
        &mut self,
        tags: impl Iterator<Item = &'t str> + Clone,
        are_ids: bool,
    ) -> Result<Vec<usize>, String> {
        if self.is_closed
            && let Some(tag) = tags.clone().find(|tag| !self.ids.contains_key(*tag))
        {
            return Err(format!("the tag {tag:?} is in none of the training rows"));
        }
        self.are_ids = Some(are_ids && self.are_ids.unwrap_or(true));
        Ok(tags.map(|tag| self.id_of(tag)).collect())
    }

    fn id_of(&mut self, tag: &str) -> usize {
        if let Some(&id) = self.ids.get(tag) {
            return id;
        }
        let id = self.raw.len();
        self.raw.push(tag.to_owned());
        self.ids.insert(tag.to_owned(), id);
        id
    }

    /// The tags as the numbers that they are, if all are ids.
    pub(super) fn as_numbers(&self) -> Option<Vec<usize>> {
        if self.are_ids != Some(true) {
            return None;
        }
        self.raw.iter().map(|tag| tag.parse().ok()).collect()
    }

    /// Takes no further tags but these, each with its number.
    pub(super) fn close(&mut self, ids: HashMap<String, usize>) {
        (self.ids, self.is_closed) = (ids, true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_numbered_as_they_come_until_the_set_is_closed() {
        let mut set = TagSet::default();
        assert_eq!(set.ids_of(["O", "B-x", "O"].into_iter(), false), Ok(vec![0, 1, 0]));
        assert_eq!((set.raw.len(), set.as_numbers()), (2, None));
        set.close(HashMap::from([("O".to_owned(), 7)]));
        assert_eq!(set.ids_of(["O"].into_iter(), false), Ok(vec![7]));
        let error = set.ids_of(["O", "B-x"].into_iter(), false).expect_err("closed");
        assert_eq!(error, "the tag \"B-x\" is in none of the training rows");
    }

    #[test]
    fn ids_are_numbers_only_where_all_of_them_are() {
        let mut set = TagSet::default();
        set.ids_of(["3", "0"].into_iter(), true).expect("new ones");
        assert_eq!(set.as_numbers(), Some(vec![3, 0]));
        set.ids_of(["0"].into_iter(), false).expect("known");
        assert_eq!(set.as_numbers(), None);
    }
}
