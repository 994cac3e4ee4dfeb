//! Cuts the text of a filter into tokens.

use super::{FilterError, Problem};

/// One token, and the character where it starts, counted from 1.
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
    /// A name, a keyword or an operator.
    Word(String),
    /// A quoted string, without its quotes.
    Text(String),
    Number(String),
    /// A UUID without quotes, in lower case.
    Guid(String),
    /// A date and time without quotes.
    Date(String),
    End,
}

impl TokenKind {
    /// The token as a reader of the message knows it.
    pub(super) fn describe(&self) -> String {
        let shown = |text: &str| text.chars().take(60).collect::<String>();
        match self {
            Self::Open => "'('".to_owned(),
            Self::Close => "')'".to_owned(),
            Self::Comma => "','".to_owned(),
            Self::Slash => "'/'".to_owned(),
            Self::Colon => "':'".to_owned(),
            Self::Word(text) | Self::Number(text) | Self::Guid(text) | Self::Date(text) => format!("'{}'", shown(text)),
            Self::Text(text) => format!("the string '{}'", shown(text)),
            Self::End => "the end".to_owned(),
        }
    }
}

/// Cuts `text` into tokens; the last is always [`TokenKind::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, FilterError> {
    let characters: Vec<char> = text.chars().collect();
    let mut lexer = Lexer { rest: &characters, position: 1 };
    let mut tokens = Vec::new();
    loop {
        let token = lexer.next()?;
        let last = token.kind == TokenKind::End;
        tokens.push(token);
        if last {
            return Ok(tokens);
        }
    }
}

struct Lexer<'t> {
    rest: &'t [char],
    position: usize,
}

impl Lexer<'_> {
    fn next(&mut self) -> Result<Token, FilterError> {
        while self.rest.first().is_some_and(|c| matches!(c, ' ' | '\t')) {
            self.skip(1);
        }
        let position = self.position;
        let kind = match self.rest.first() {
            None => TokenKind::End,
            Some('(') => self.single(TokenKind::Open),
            Some(')') => self.single(TokenKind::Close),
            Some(',') => self.single(TokenKind::Comma),
            Some('/') => self.single(TokenKind::Slash),
            Some(':') => self.single(TokenKind::Colon),
            Some('\'') => self.text()?,
            Some(_) => self.run()?,
        };
        Ok(Token { kind, position })
    }

    fn skip(&mut self, count: usize) {
        self.rest = self.rest.get(count..).unwrap_or_default();
        self.position += count;
    }

    fn single(&mut self, kind: TokenKind) -> TokenKind {
        self.skip(1);
        kind
    }

    /// A string: a quote inside is doubled; NUL is refused, because no stored text contains it.
    fn text(&mut self) -> Result<TokenKind, FilterError> {
        let start = self.position;
        self.skip(1);
        let mut text = String::new();
        loop {
            match self.rest {
                ['\'', '\'', ..] => {
                    text.push('\'');
                    self.skip(2);
                }
                ['\'', ..] => {
                    self.skip(1);
                    return Ok(TokenKind::Text(text));
                }
                ['\0', ..] => return Err(FilterError::at(self.position, Problem::UnexpectedCharacter('\0'))),
                [c, ..] => {
                    text.push(*c);
                    self.skip(1);
                }
                [] => return Err(FilterError::at(start, Problem::UnclosedText)),
            }
        }
    }

    /// A run without spaces and punctuation: name, number, UUID or date.
    fn run(&mut self) -> Result<TokenKind, FilterError> {
        let is_date_start = self.rest.first().is_some_and(char::is_ascii_digit);
        let belongs =
            |c: &char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '+' | '@') || (is_date_start && *c == ':');
        let run: String = self.rest.iter().copied().take_while(|c| belongs(c)).collect();
        let start = self.position;
        self.skip(run.chars().count());
        let first = self.rest.first().copied();
        let Some(kind) = classify(&run) else {
            let strange = run.chars().next().or(first).unwrap_or_default();
            return Err(FilterError::at(start, Problem::UnexpectedCharacter(strange)));
        };
        Ok(kind)
    }
}

fn classify(run: &str) -> Option<TokenKind> {
    let first = run.chars().next()?;
    if is_guid(run) {
        return Some(TokenKind::Guid(run.to_ascii_lowercase()));
    }
    if first.is_ascii_digit() || matches!(first, '-' | '+') {
        return number_or_date(run);
    }
    let is_name = (first.is_alphabetic() || matches!(first, '_' | '@'))
        && run.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '@'));
    is_name.then(|| TokenKind::Word(run.to_owned()))
}

fn number_or_date(run: &str) -> Option<TokenKind> {
    if run.parse::<f64>().is_ok_and(f64::is_finite) {
        return Some(TokenKind::Number(run.to_owned()));
    }
    let date = |c: char| c.is_ascii_digit() || matches!(c, '-' | ':' | '.' | '+' | 'T' | 't' | 'Z' | 'z');
    let is_date = run.len() >= 10 && run.chars().all(date) && run.chars().filter(|c| *c == '-').count() >= 2;
    is_date.then(|| TokenKind::Date(run.to_ascii_uppercase()))
}

/// Whether `text` has the shape of a UUID with hyphens.
pub(super) fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}
