//! Cuts the text of an expression into tokens. A literal is a value by the time it is a token.

use super::Literal;
use super::literal::{duration, is_guid, unquoted};
use crate::query::error::{Problem, QueryError};
use crate::query::source::{Source, shown, text_of};

/// One token, and the character where it starts.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) position: usize,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum TokenKind {
    Open,
    Close,
    Comma,
    Slash,
    Colon,
    Minus,
    Equals,
    /// A name, a keyword or an operator.
    Word(String),
    Literal(Literal),
    /// `namespace.type'members'`.
    Enumeration {
        type_name: String,
        members: String,
    },
    End,
}

impl TokenKind {
    /// The token as a reader of the message knows it.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Open => "'('".to_owned(),
            Self::Close => "')'".to_owned(),
            Self::Comma => "','".to_owned(),
            Self::Slash => "'/'".to_owned(),
            Self::Colon => "':'".to_owned(),
            Self::Minus => "'-'".to_owned(),
            Self::Equals => "'='".to_owned(),
            Self::Word(text) => format!("'{}'", shown(text)),
            Self::Literal(literal) => literal.describe(),
            Self::Enumeration { type_name, members } => format!("{}'{}'", shown(type_name), shown(members)),
            Self::End => "the end".to_owned(),
        }
    }
}

/// Cuts a text into tokens; the last is always [`TokenKind::End`].
pub(super) fn tokens(source: Source<'_>) -> Result<Vec<Token>, QueryError> {
    let mut lexer = Lexer { source };
    let mut tokens = Vec::new();
    loop {
        lexer.source.skip_spaces();
        let position = lexer.source.position();
        let kind = lexer.next()?;
        let last = kind == TokenKind::End;
        tokens.push(Token { kind, position });
        if last {
            return Ok(tokens);
        }
    }
}

struct Lexer<'t> {
    source: Source<'t>,
}

impl Lexer<'_> {
    fn next(&mut self) -> Result<TokenKind, QueryError> {
        let single = match self.source.peek() {
            None => return Ok(TokenKind::End),
            Some('(') => TokenKind::Open,
            Some(')') => TokenKind::Close,
            Some(',') => TokenKind::Comma,
            Some('/') => TokenKind::Slash,
            Some(':') => TokenKind::Colon,
            Some('=') => TokenKind::Equals,
            Some('-') if !self.source.rest().get(1).is_some_and(char::is_ascii_digit) => TokenKind::Minus,
            Some('\'') => return self.text().map(|text| TokenKind::Literal(Literal::Text(text))),
            Some(c) => return self.run(c),
        };
        self.source.take(1);
        Ok(single)
    }

    fn run(&mut self, first: char) -> Result<TokenKind, QueryError> {
        if let Some(guid) = self.guid() {
            return Ok(TokenKind::Literal(Literal::Guid(guid)));
        }
        match first {
            '0'..='9' | '+' | '-' => self.unquoted(),
            '[' | '{' => Err(self.source.error(Problem::Unsupported("A JSON literal"))),
            '@' => Err(self.source.error(Problem::Unsupported("A parameter alias or an annotation"))),
            '$' | '_' => self.word(),
            _ if first.is_alphabetic() => self.word(),
            _ => Err(self.source.error(Problem::UnexpectedCharacter(first))),
        }
    }

    /// A string: a quote inside is doubled; NUL is refused, because no stored text contains it.
    fn text(&mut self) -> Result<String, QueryError> {
        let start = self.source;
        self.source.take(1);
        let mut text = String::new();
        loop {
            match self.source.rest() {
                ['\'', '\'', ..] => {
                    text.push('\'');
                    self.source.take(2);
                }
                ['\'', ..] => {
                    self.source.take(1);
                    return Ok(text);
                }
                ['\0', ..] => return Err(self.source.error(Problem::UnexpectedCharacter('\0'))),
                [c, ..] => {
                    text.push(*c);
                    self.source.take(1);
                }
                [] => return Err(start.error(Problem::UnclosedText)),
            }
        }
    }

    /// A UUID without quotes, in lower case.
    fn guid(&mut self) -> Option<String> {
        let text = text_of(self.source.rest().get(..36)?);
        let ends = !self.source.rest().get(36).is_some_and(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'));
        (ends && is_guid(&text)).then(|| {
            self.source.take(36);
            text.to_ascii_lowercase()
        })
    }

    /// A number, a date or a time.
    fn unquoted(&mut self) -> Result<TokenKind, QueryError> {
        let start = self.source;
        let belongs = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '+' | ':');
        let text = text_of(self.source.take_while(belongs));
        let literal = unquoted(&text).ok_or_else(|| start.error(Problem::InvalidLiteral(shown(&text))))?;
        Ok(TokenKind::Literal(literal))
    }

    /// A name, perhaps with a namespace; with a quote behind it, a literal that says its type.
    fn word(&mut self) -> Result<TokenKind, QueryError> {
        let start = self.source;
        let dollar = self.source.take(1);
        let rest = self.source.take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '.'));
        let word = text_of(dollar) + &text_of(rest);
        if word.split('.').any(|name| !is_identifier(name.strip_prefix('$').unwrap_or(name))) {
            return Err(start.error(Problem::Unexpected { expected: "A name", found: format!("'{}'", shown(&word)) }));
        }
        if self.source.peek() != Some('\'') {
            return Ok(TokenKind::Word(word));
        }
        let text = self.text()?;
        prefixed(word, text).map_err(|problem| start.error(problem))
    }
}

fn is_identifier(name: &str) -> bool {
    name.chars().next().is_some_and(|first| first.is_alphabetic() || first == '_')
}

fn prefixed(prefix: String, text: String) -> Result<TokenKind, Problem> {
    match prefix.to_ascii_lowercase().as_str() {
        "duration" => duration(&text)
            .map(|duration| TokenKind::Literal(Literal::Duration(duration)))
            .ok_or_else(|| Problem::InvalidLiteral(shown(&text))),
        "binary" => Err(Problem::Unsupported("A binary literal")),
        "geography" | "geometry" => Err(Problem::Unsupported("A geographic literal")),
        _ if prefix.contains('.') => Ok(TokenKind::Enumeration { type_name: prefix, members: text }),
        _ => Err(Problem::InvalidLiteral(format!("{}'{}'", shown(&prefix), shown(&text)))),
    }
}
