//! `$search`: words, phrases in double quotes, and Graph's `"property:text"`, joined by `AND` (or nothing), `OR` and
//! `NOT`, which are operators only in capitals and only where an operator can stand.

use super::error::{Problem, QueryError};
use super::source::{Source, is_space, shown, text_of};
use crate::expression::Search;
use crate::expression::check::entity_name;
use crate::limit::{EXPRESSION_DEPTH, EXPRESSION_NODES};
use crate::model::{EntityType, Model, Returned, Type};

/// A search before its properties are known to exist.
#[derive(Debug, Clone)]
pub(crate) enum Unchecked {
    Term { property: Option<String>, text: String, position: usize },
    And(Box<Unchecked>, Box<Unchecked>),
    Or(Box<Unchecked>, Box<Unchecked>),
    Not(Box<Unchecked>),
}

/// Parses all of a text as one search.
pub(crate) fn parse(source: Source<'_>) -> Result<Unchecked, QueryError> {
    let mut parser = Parser { source, nodes: 0 };
    let search = parser.any_of(0)?;
    parser.source.skip_spaces();
    match parser.source.is_empty() {
        true => Ok(search),
        false => Err(parser.source.unexpected("'AND', 'OR', a word or the end")),
    }
}

struct Parser<'t> {
    source: Source<'t>,
    nodes: usize,
}

impl Parser<'_> {
    fn any_of(&mut self, depth: usize) -> Result<Unchecked, QueryError> {
        let mut left = self.all_of(depth)?;
        while self.operator("OR") {
            left = Unchecked::Or(Box::new(left), Box::new(self.all_of(depth)?));
            self.node()?;
        }
        Ok(left)
    }

    fn all_of(&mut self, depth: usize) -> Result<Unchecked, QueryError> {
        let mut left = self.one(depth)?;
        loop {
            let spaced = self.source.rest().first().is_none_or(|c| is_space(*c) || *c == ')');
            if !spaced {
                return Err(self.unspaced());
            }
            if !self.operator("AND") && (self.ends() || self.operator_ahead("OR")) {
                return Ok(left);
            }
            left = Unchecked::And(Box::new(left), Box::new(self.one(depth)?));
            self.node()?;
        }
    }

    fn one(&mut self, depth: usize) -> Result<Unchecked, QueryError> {
        self.source.skip_spaces();
        if depth >= EXPRESSION_DEPTH {
            return Err(self.source.error(Problem::TooDeep));
        }
        self.node()?;
        if self.operator("NOT") {
            return Ok(Unchecked::Not(Box::new(self.one(depth + 1)?)));
        }
        match self.source.peek() {
            Some('(') => self.group(depth),
            Some('"') => self.phrase(),
            _ => self.word(),
        }
    }

    fn group(&mut self, depth: usize) -> Result<Unchecked, QueryError> {
        let open = self.source;
        self.source.take(1);
        let inner = self.any_of(depth + 1)?;
        self.source.skip_spaces();
        if !self.source.eat(')') {
            return Err(open.error(Problem::UnclosedParenthesis));
        }
        Ok(inner)
    }

    /// A phrase; a backslash takes the next character as it is, which is Graph's way to write a quote.
    fn phrase(&mut self) -> Result<Unchecked, QueryError> {
        let open = self.source;
        self.source.take(1);
        let mut text = String::new();
        loop {
            match self.source.rest() {
                ['\0', ..] => return Err(self.source.error(Problem::UnexpectedCharacter('\0'))),
                ['\\', c @ ('"' | '\\'), ..] => {
                    text.push(*c);
                    self.source.take(2);
                }
                ['"', ..] => break,
                [c, ..] => {
                    text.push(*c);
                    self.source.take(1);
                }
                [] => return Err(open.error(Problem::UnclosedText)),
            }
        }
        self.source.take(1);
        term(&text, open)
    }

    fn word(&mut self) -> Result<Unchecked, QueryError> {
        let start = self.source;
        if start.peek() == Some('\'') {
            return Err(start.error(Problem::Unsupported("A search in single quotes")));
        }
        let word = self.source.take_while(|c| !is_space(c) && !c.is_control() && !matches!(c, '(' | ')' | '"' | ';'));
        if word.is_empty() {
            return Err(start.unexpected("A word or a phrase"));
        }
        term(&text_of(word), start)
    }

    fn unspaced(&self) -> QueryError {
        match self.source.peek() {
            Some(';') => self.source.error(Problem::Unsupported("A semicolon outside of double quotes")),
            _ => self.source.unexpected("A space"),
        }
    }

    /// Takes an operator off, with the spaces before it, if it is next and something follows that it can work on.
    fn operator(&mut self, word: &str) -> bool {
        let found = self.operator_ahead(word);
        if found {
            self.source.skip_spaces();
            self.source.take(word.len());
        }
        found
    }

    fn operator_ahead(&self, word: &str) -> bool {
        let mut ahead = self.source;
        ahead.skip_spaces();
        let found = text_of(ahead.take_while(|c| !is_space(c) && !matches!(c, '(' | ')' | '"')));
        let spaced = !ahead.take_while(is_space).is_empty();
        found == word && spaced && ahead.peek().is_some_and(|c| c != ')')
    }

    fn ends(&self) -> bool {
        let mut ahead = self.source;
        ahead.skip_spaces();
        ahead.peek().is_none_or(|c| c == ')')
    }

    fn node(&mut self) -> Result<(), QueryError> {
        self.nodes += 1;
        if self.nodes > EXPRESSION_NODES {
            return Err(self.source.error(Problem::TooMany));
        }
        Ok(())
    }
}

/// A word or phrase, or `property:text`. A URL is a text.
fn term(text: &str, at: Source<'_>) -> Result<Unchecked, QueryError> {
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    let (property, text) = match text.split_once(':') {
        Some((name, text)) if is_name(name) && !text.starts_with("//") => (Some(name.to_owned()), text),
        _ => (None, text),
    };
    if text.trim().is_empty() {
        return Err(at.error(Problem::Unexpected { expected: "A text to search", found: "nothing".to_owned() }));
    }
    Ok(Unchecked::Term { property, text: text.trim().to_owned(), position: at.position() })
}

impl Unchecked {
    /// Checks the properties against a type.
    pub(crate) fn check(
        &self,
        source: Source<'_>,
        on: &'static EntityType,
        model: &'static Model,
    ) -> Result<Search, QueryError> {
        let boxed = |inner: &Self| inner.check(source, on, model).map(Box::new);
        Ok(match self {
            Self::And(left, right) => Search::And(boxed(left)?, boxed(right)?),
            Self::Or(left, right) => Search::Or(boxed(left)?, boxed(right)?),
            Self::Not(inner) => Search::Not(boxed(inner)?),
            Self::Term { property: None, text, .. } => Search::Term { property: None, text: text.clone() },
            Self::Term { property: Some(name), text, position } => {
                let property = searched(name, on, model).map_err(|problem| source.error_at(*position, problem))?;
                Search::Term { property: Some(property), text: text.clone() }
            }
        })
    }
}

fn searched(name: &str, on: &'static EntityType, model: &Model) -> Result<&'static str, Problem> {
    let unknown = || Problem::UnknownProperty { name: shown(name), on: entity_name(model, on) };
    let property = on.property(name).ok_or_else(unknown)?;
    if property.returned == Returned::Never {
        return Err(Problem::Secret(property.name));
    }
    if !matches!(property.kind, Type::String | Type::Guid) {
        let found = format!("'{}'", property.name);
        return Err(Problem::Unexpected { expected: "A property that is a text", found });
    }
    Ok(property.name)
}
