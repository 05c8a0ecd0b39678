//! Undo and redo over plain values. In: how things were before each edit. Out: how they are after going a step back or on.
//! Typing in one field is one step; the oldest steps are forgotten. Tested natively.

/// Steps that can be undone at most.
const MAX_STEPS: usize = 100;

/// The direction of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Undo,
    Redo,
}

/// Values before and after edits. The current value is not among them: who asks brings it.
#[derive(Debug)]
pub(crate) struct History<T> {
    /// Before each edit that can be undone, the newest last.
    undo: Vec<T>,
    /// After each edit that was undone; the one that can be redone first is last.
    redo: Vec<T>,
    /// The field of the newest edit, while typing goes on there.
    typing: Option<&'static str>,
    /// Edits and steps so far.
    version: u64,
}

impl<T: PartialEq> History<T> {
    /// Without any step.
    pub(crate) fn new() -> Self {
        Self { undo: Vec::new(), redo: Vec::new(), typing: None, version: 0 }
    }

    /// Another number after each edit, and each step: while it is the same, so is the next step.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Notes how things were before an edit that was made now. `field` is the one in which something is typed: more of it there
    /// is the same step. What was undone before can't be redone any more.
    pub(crate) fn note(&mut self, before: T, field: Option<&'static str>) {
        self.version += 1;
        self.redo.clear();
        let goes_on = field.is_some() && self.typing == field && !self.undo.is_empty();
        self.typing = field;
        // Where the edit before came to nothing, its step is that of this one.
        if goes_on || self.undo.last() == Some(&before) {
            return;
        }
        self.undo.push(before);
        if self.undo.len() > MAX_STEPS {
            self.undo.remove(0);
        }
    }

    /// The field is left: what is typed next is another step.
    pub(crate) fn end_typing(&mut self) {
        self.typing = None;
    }

    /// What a step leads to; `None` where there is none. Steps that would change nothing do not count.
    pub(crate) fn next(&self, way: Way, now: &T) -> Option<&T> {
        let steps = match way {
            Way::Undo => &self.undo,
            Way::Redo => &self.redo,
        };
        steps.iter().rev().find(|value| *value != now)
    }

    /// Takes a step: what holds from now on, in place of `now`.
    pub(crate) fn take(&mut self, way: Way, now: T) -> Option<T> {
        self.version += 1;
        self.typing = None;
        let (from, onto) = match way {
            Way::Undo => (&mut self.undo, &mut self.redo),
            Way::Redo => (&mut self.redo, &mut self.undo),
        };
        while from.last() == Some(&now) {
            from.pop();
        }
        let to = from.pop()?;
        onto.push(now);
        Some(to)
    }

    /// Forgets every step that leads to a value that can't hold any more, and those behind it.
    pub(crate) fn forget_unless(&mut self, can_hold: impl Fn(&T) -> bool) {
        self.version += 1;
        for steps in [&mut self.undo, &mut self.redo] {
            let first_kept = steps.iter().rposition(|value| !can_hold(value)).map_or(0, |last| last + 1);
            steps.drain(..first_kept);
        }
    }

    /// Forgets every step.
    pub(crate) fn clear(&mut self) {
        self.forget_unless(|_| false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A history of edits from 0 over 1, 2, … to `last`.
    fn counted(last: u32) -> History<u32> {
        let mut history = History::new();
        (0..last).for_each(|before| history.note(before, None));
        history
    }

    #[test]
    fn what_is_undone_can_be_redone() {
        let mut history = counted(2);
        assert_eq!((history.next(Way::Undo, &2), history.next(Way::Redo, &2)), (Some(&1), None));
        assert_eq!(history.take(Way::Undo, 2), Some(1));
        assert_eq!(history.take(Way::Undo, 1), Some(0));
        assert_eq!((history.take(Way::Undo, 0), history.next(Way::Redo, &0)), (None, Some(&1)));
        assert_eq!(history.take(Way::Redo, 0), Some(1));
        assert_eq!(history.take(Way::Redo, 1), Some(2));
        assert_eq!((history.take(Way::Redo, 2), history.take(Way::Undo, 2)), (None, Some(1)));
    }

    #[test]
    fn another_edit_leaves_nothing_to_redo() {
        let mut history = counted(2);
        assert_eq!(history.take(Way::Undo, 2), Some(1));
        let version = history.version();
        history.note(1, None);
        assert_ne!(history.version(), version, "the next step is another");
        assert_eq!(history.next(Way::Redo, &7), None);
        assert_eq!(history.take(Way::Undo, 7), Some(1));
    }

    #[test]
    fn typing_in_one_field_is_one_step_until_it_is_left() {
        let mut history = History::new();
        for (before, field) in [(0, "a"), (1, "a"), (2, "b"), (3, "b"), (4, "a")] {
            history.note(before, Some(field));
        }
        history.end_typing();
        history.note(5, Some("a"));
        let steps = [6, 5, 4, 2, 0].map(|now| history.take(Way::Undo, now));
        assert_eq!(steps, [Some(5), Some(4), Some(2), Some(0), None]);
        history.note(0, Some("a"));
        assert_eq!(history.take(Way::Undo, 1), Some(0), "after a step back typing begins anew");
    }

    #[test]
    fn an_edit_that_came_to_nothing_is_no_step() {
        let mut history = counted(1);
        history.note(1, None); // and what it changed was taken back by itself
        assert_eq!(history.next(Way::Undo, &1), Some(&0));
        history.note(1, None);
        assert_eq!(history.take(Way::Undo, 2), Some(1));
        assert_eq!(history.take(Way::Undo, 1), Some(0), "there is one step to 1");
        let mut history = counted(1);
        history.note(1, None);
        assert_eq!(history.take(Way::Undo, 1), Some(0), "it is stepped over");
    }

    #[test]
    fn the_oldest_steps_are_forgotten() {
        let last = MAX_STEPS as u32 + 5;
        let mut history = counted(last);
        let steps = (1..=last).rev().filter(|now| history.take(Way::Undo, *now).is_some()).count();
        assert_eq!(steps, MAX_STEPS);
    }

    #[test]
    fn steps_behind_one_that_can_not_be_taken_are_forgotten() {
        let mut history = counted(6);
        assert_eq!(history.take(Way::Undo, 6), Some(5));
        history.forget_unless(|value| *value != 2);
        assert_eq!([5, 4, 3].map(|now| history.take(Way::Undo, now)), [Some(4), Some(3), None]);
        assert_eq!(history.next(Way::Redo, &3), Some(&4));
        history.clear();
        assert_eq!((history.next(Way::Undo, &3), history.next(Way::Redo, &3)), (None, None));
    }
}
