//! A text that is read from the left: what is left of it, and at which character of the option that is.

use super::error::{Clause, Problem, QueryError};
use crate::limit::QUERY_BYTES;

/// The rest of a text. Copying it marks a place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'t> {
    rest: &'t [char],
    position: usize,
    clause: Clause,
    within: Clause,
}

impl<'t> Source<'t> {
    /// All of an option's text.
    pub(crate) const fn new(clause: Clause, text: &'t [char]) -> Self {
        Self { rest: text, position: 1, clause, within: clause }
    }

    /// The same text as another clause, which stands inside the option.
    pub(crate) const fn nested(mut self, clause: Clause) -> Self {
        self.clause = clause;
        self
    }

    /// Whether it stands inside another option.
    pub(crate) fn is_nested(&self) -> bool {
        self.clause != self.within
    }

    pub(crate) const fn rest(&self) -> &'t [char] {
        self.rest
    }

    pub(crate) const fn position(&self) -> usize {
        self.position
    }

    pub(crate) fn peek(&self) -> Option<char> {
        self.rest.first().copied()
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Takes `count` characters off, and gives them.
    pub(crate) fn take(&mut self, count: usize) -> &'t [char] {
        let (taken, rest) = self.rest.split_at_checked(count).unwrap_or((self.rest, &[]));
        self.rest = rest;
        self.position += taken.len();
        taken
    }

    /// Takes the characters off that satisfy `belongs`.
    pub(crate) fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'t [char] {
        self.take(self.rest.iter().take_while(|c| belongs(**c)).count())
    }

    /// Takes `c` off if it is next.
    pub(crate) fn eat(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        if found {
            self.take(1);
        }
        found
    }

    pub(crate) fn skip_spaces(&mut self) {
        self.take_while(is_space);
    }

    /// Takes the first `count` characters off as a text of their own, at their own position.
    pub(crate) fn split(&mut self, count: usize) -> Self {
        let mut part = *self;
        part.rest = self.take(count);
        part
    }

    /// The same without spaces at the end.
    pub(crate) fn trimmed_end(mut self) -> Self {
        while let [rest @ .., last] = self.rest
            && is_space(*last)
        {
            self.rest = rest;
        }
        self
    }

    /// An error at the next character.
    pub(crate) const fn error(&self, problem: Problem) -> QueryError {
        self.error_at(self.position, problem)
    }

    /// An error at another character.
    pub(crate) const fn error_at(&self, position: usize, problem: Problem) -> QueryError {
        QueryError { clause: self.clause, within: self.within, position, problem }
    }

    /// Something else was expected at the next character.
    pub(crate) fn unexpected(&self, expected: &'static str) -> QueryError {
        let found = self.peek().map_or_else(|| "the end".to_owned(), |c| format!("'{}'", c.escape_default()));
        self.error(Problem::Unexpected { expected, found })
    }
}

/// The characters of an option's text, if it is not too long.
pub(crate) fn characters(clause: Clause, text: &str) -> Result<Vec<char>, QueryError> {
    if text.len() > QUERY_BYTES {
        return Err(QueryError { clause, within: clause, position: QUERY_BYTES, problem: Problem::TooLong });
    }
    Ok(text.chars().collect())
}

pub(crate) const fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

/// The start of a text from outside, for a message.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}

/// The same of characters.
pub(crate) fn text_of(characters: &[char]) -> String {
    characters.iter().collect()
}
